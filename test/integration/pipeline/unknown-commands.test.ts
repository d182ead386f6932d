import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
let asked = 0;
beforeAll(async () => {
  const eager = defineAgent(() => {
    asked += 1;
    return "I take everything.";
  });
  parley = await startSlackApp([{ handle: "eager", name: "Eager", connector: { kind: "function", run: eager } }]);
});
afterAll(() => parley.close());

it.each(["frobnicate now", "stopp", "what can you do"])(
  "an unknown command (%s) is answered with the help, to its author alone, and asks no agent",
  async (typed) => {
    const { slack, user, channel } = parley;
    const before = slack.log.ofKind("response_url").length;
    const { acknowledged } = await slack.gestures.slash(user, channel, "/parley", typed);
    expect(acknowledged).toBe(true);
    await until(async () => slack.log.ofKind("response_url").length > before);
    const answer = slack.log.ofKind("response_url").at(-1);
    expect(answer?.text).toContain(`There is no command \`${typed.split(" ")[0]}\``);
    expect(answer?.text).toContain("ask @agent");
    expect(answer?.detail).toMatchObject({ responseType: "ephemeral", user });
    expect(slack.log.posts({ by: "app" })).toEqual([]);
    expect(asked).toBe(0);
  },
);

it("a known one still does what it says", async () => {
  const { slack, user, channel } = parley;
  await slack.gestures.slash(user, channel, "/parley", "ask @eager are you there?");
  await until(async () => slack.log.posts({ by: "app" }).some((post) => post.text?.includes("I take everything.")));
  expect(asked).toBe(1);
});
