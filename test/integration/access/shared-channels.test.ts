import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createReadingAgent } from "./reading-agent.ts";

/** Security rule R18: a channel that is opened to another company in the middle of a turn. */

const agent = createReadingAgent();
let parley: SlackApp;

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "reader",
      name: "Reader",
      connector: { kind: "function", run: agent.run },
      replyInThread: false,
      speaksFirst: true,
    },
  ]);
});
afterAll(() => parley.close());

const shown = (channel: string, words: string): boolean =>
  parley.slack.log.entries.some(
    (entry) => entry.by === "app" && entry.channel === channel && JSON.stringify(entry).includes(words),
  );

/** Asks in one public channel for what was said in another, and lets the agent answer once `meanwhile` is done. */
async function askAcross(meanwhile: (room: string) => Promise<void>): Promise<{ room: string; canary: string }> {
  const { slack, space, user } = parley;
  const tag = randomUUID().slice(0, 8);
  const make = (name: string): string =>
    slack.setup.addChannel(space.team.id, { name: `${name}-${tag}`, members: [...space.users, space.bot.botUserId] })
      .id;
  const [room, source] = [make("room"), make("source")];
  const canary = `canary-${randomUUID()}`;
  slack.people.postAs(user, source, `kept ${canary}`);
  const stored = "select 1 from messages where channel_id = $1";
  await until(async () => (await parley.ledger.query({ text: stored }, [source])).length === 1);
  const asked = agent.heard.length;
  const tool = `conversation_history ${JSON.stringify({ conversation: source })}`;
  slack.people.postAs(user, room, parley.ask("reader", [tool, "tell", "wait"].join("\n")));
  await until(() => agent.heard[asked]?.results.length === 1);
  await meanwhile(room);
  agent.letGo();
  return { room, canary };
}

it("answers in a public channel with what a public channel holds", { timeout: 60_000 }, async () => {
  const { room, canary } = await askAcross(async () => undefined);
  await until(() => shown(room, canary), 20_000);
  expect(shown(room, "answer was withheld")).toBe(false);
});

it("R18: withholds it once the channel is shared with others, in the middle of the turn", {
  timeout: 60_000,
}, async () => {
  const { room, canary } = await askAcross(async (channel) => {
    parley.slack.people.setShared(channel, true, "T0ELSEWHERE");
    await parley.slack.deliveries.whenIdle();
  });
  await until(() => shown(room, "answer was withheld"), 20_000);
  expect(shown(room, canary)).toBe(false);
});
