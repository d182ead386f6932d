import { afterAll, beforeAll, expect, it } from "vitest";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createReadingAgent } from "./reading-agent.ts";

const agent = createReadingAgent();
let parley: SlackApp;
/** Where it is asked, and where what it reads was said: both public, so that all full members may read either. */
let room = "";
let source = "";

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "reader", name: "Reader", connector: { kind: "function", run: agent.run }, replyInThread: false },
  ]);
  [room = "", source = ""] = parley.space.channels;
  parley.slack.people.postAs(parley.user, source, "ROADMAP-CANARY");
  await until(async () => (await parley.ledger.query({ text: "select 1 from messages" })).length > 0);
});
afterAll(() => parley.close());

/** Has the agent tell in the room what was said in the other channel, and resolves with what it wrote there. */
async function told(): Promise<string> {
  const { slack, user } = parley;
  const before = slack.log.posts({ channel: room, by: "app" }).length;
  slack.people.postAs(
    user,
    room,
    parley.ask("reader", `conversation_history ${JSON.stringify({ conversation: source })}\ntell`),
  );
  return (await until(() => slack.log.posts({ channel: room, by: "app" })[before])).text ?? "";
}

it.each([
  ["a guest of the workspace", { isRestricted: true }],
  ["a stranger from another organization", { isStranger: true }],
])("tells %s who joined a moment ago nothing of channels that they may not read", async (_who, what) => {
  const { slack, user } = parley;
  // Both lists are fetched for this one, and are young for the next.
  expect(await told()).toContain("ROADMAP-CANARY");
  const newcomer = slack.setup.addUser(parley.space.team.id, { name: "gina", ...what });
  slack.people.invite(user, room, newcomer);
  const joined = "select 1 from memberships where member_id = $1 and state = 'joined' and channel_id = $2";
  await until(async () => (await parley.ledger.query({ text: joined }, [newcomer, room])).length > 0);
  expect(await told()).not.toContain("ROADMAP-CANARY");
  slack.people.kick(user, room, newcomer);
  await until(async () => (await parley.ledger.query({ text: joined }, [newcomer, room])).length === 0);
});

it("keeps nothing from a full member who joined a moment ago", async () => {
  const { slack, user } = parley;
  expect(await told()).toContain("ROADMAP-CANARY");
  slack.people.invite(user, room, slack.setup.addUser(parley.space.team.id, { name: "max" }));
  expect(await told()).toContain("ROADMAP-CANARY");
});
