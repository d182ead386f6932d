import { afterAll, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createToolAgent } from "./tool-agent.ts";

/** An agent that asks by a tool whether it may do something, and waits. */

let parley: SlackApp;
const agent = createToolAgent();

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "worker", name: "Worker", idleTimeoutMs: 1_000, connector: { kind: "function", run: agent.run } },
  ]);
});
afterAll(() => parley.close());

it("waits for the decision, longer than it may be silent, and is told who decided", async () => {
  const call = { prompt: "May I deploy?", action: "deploy web 1.2.3" };
  const { ts } = parley.slack.people.postAs(
    parley.user,
    parley.channel,
    parley.ask("worker", `\ncall request_approval ${JSON.stringify(call)}\nsay decided`),
    {},
  );
  const asked = await until(() => parley.slack.log.posts({ thread: ts, by: "app" })[0]);
  expect(JSON.stringify(asked)).toContain("May I deploy?");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(agent.seen[0]?.results).toEqual([]);
  await parley.slack.gestures.clickButton(
    parley.user,
    { channel: parley.channel, ts: asked.ts ?? "" },
    approvalActionId("tool-0", 0),
  );
  const result = await until(() => agent.seen[0]?.results[0]);
  expect(result).toMatchObject({
    state: "decided",
    option: "allow",
    effect: "allow",
    by: { id: parley.user, name: expect.any(String) },
  });
  await until(() => parley.slack.log.posts({ thread: ts, by: "app" }).some(({ text }) => text?.includes("decided")));
});
