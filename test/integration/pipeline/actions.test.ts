import { afterAll, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const answered: TurnRequest[] = [];

const asker = defineAgent(async function* (request) {
  if (request.reason === "action") {
    answered.push(request);
    yield "noted";
    return;
  }
  for (const [approvalId, prompt] of [
    ["staging", "To staging?"],
    ["production", "To production?"],
  ] as const) {
    yield {
      type: "approval_request",
      approvalId,
      prompt,
      options: [
        { id: "yes", label: "Yes", effect: "allow" },
        { id: "no", label: "No", effect: "deny" },
      ],
    };
  }
});

beforeAll(async () => {
  parley = await startSlackApp([{ handle: "asker", name: "Asker", connector: { kind: "function", run: asker } }]);
});
afterAll(() => parley.close());

it("tells an agent which of its questions was answered, and shows it the question again", async () => {
  const { slack, user, channel } = parley;
  const { ts: threadTs } = slack.people.postAs(user, channel, parley.ask("asker", "may I deploy?"));
  const question = await until(() =>
    slack.log
      .posts({ channel, by: "app" })
      .find((post) => post.threadTs === threadTs && post.text?.includes("production") === true),
  );
  await slack.gestures.clickButton(user, { channel, ts: question.ts ?? "" }, approvalActionId("production", 1));
  const request = await until(() => answered[0]);
  expect(request.trigger).toMatchObject({
    messageId: question.ts,
    text: "Chose no",
    action: { actionId: "production", value: "no", fields: {} },
  });
  const seen = request.transcript.find((message) => message.messageId === question.ts);
  expect(seen?.text).toContain("To production?");
});
