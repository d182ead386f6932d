import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import type { LogEntry } from "../../support/slack/index.ts";

let parley: SlackApp;
let token = "";
let review = "";
const heard: { text: string; conversation: string; roster: string[] }[] = [];

/** Takes its time and says what it does, so that anybody else's preview, status line and working sign would show. */
const slow = defineAgent(async function* (request) {
  heard.push({
    text: request.trigger.text,
    conversation: request.conversation.path.channel.id,
    roster: request.roster.map((entry) => entry.name),
  });
  yield { type: "status", text: "thinking" };
  yield "a first half";
  await delay(1_500);
  yield " and a second one; @echo what do you say?";
});
let echoes = 0;
const echo = defineAgent(async function* () {
  echoes += 1;
  yield "echo";
});

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "novice",
      name: "Novice",
      connector: { kind: "function", run: slow },
      shadow: { reviewRoom: "slack:channel-3" },
    },
    {
      handle: "lost",
      name: "Lost",
      connector: { kind: "function", run: slow },
      shadow: { reviewRoom: "slack:no-such-channel" },
    },
    { handle: "echo", name: "Echo", connector: { kind: "function", run: echo } },
  ]);
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
  review = parley.space.channels[2] ?? "";
  // Parley knows a channel once it has heard of it.
  parley.slack.people.postAs(parley.user, review, "this is where novices are read", {});
  await until(
    async () =>
      (await parley.ledger.query({ text: "select 1 from channels where channel_id = $1" }, [review])).length > 0,
  );
});
afterAll(() => parley.close());

const ofApp = (channel: string): LogEntry[] =>
  parley.slack.log.entries.filter((entry) => entry.channel === channel && entry.by === "app");
const ended = async (ts: string): Promise<{ state: string; state_reason: string | null } | undefined> => {
  const [turn] = await parley.ledger.query<{ state: string; state_reason: string | null }>(
    { text: "select state, state_reason from turns where trigger_message_id = $1 and finished_at is not null" },
    [ts],
  );
  return turn;
};
async function audited(rule: string): Promise<unknown[]> {
  const rows = await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log" });
  return rows.flatMap((row) => (JSON.parse(row.entries) as { rule?: string }[]).filter((entry) => entry.rule === rule));
}

it("hears the live channel and shows what it would say in the review room alone", { timeout: 40_000 }, async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("novice", "how do I begin?"), {});
  expect(await until(() => ended(ts), 30_000)).toMatchObject({ state: "answered" });
  const shown = ofApp(review);
  expect(shown.map((entry) => entry.kind)).toEqual(["post"]);
  expect(shown[0]?.text).toContain("In shadow");
  expect(shown[0]?.text).toContain("@novice would have answered");
  expect(shown[0]?.text).toContain(parley.channel);
  expect(shown[0]?.text).toContain(ts);
  expect(shown[0]?.text).toContain("a first half and a second one");
  expect(shown[0]?.notified ?? []).toEqual([]);
  expect(heard[0]).toMatchObject({ text: expect.stringContaining("how do I begin?"), conversation: parley.channel });
  expect(await audited("shadow")).toHaveLength(1);
  // Nothing at all in the live channel: no post, no preview, no edit, no reaction, no status line.
  expect(ofApp(parley.channel)).toEqual([]);
  // The other agent, which it named, did not hear it.
  expect(echoes).toBe(0);
});

it("takes an answer to what goes on in the review room itself as any other agent would", {
  timeout: 40_000,
}, async () => {
  const { ts } = parley.slack.people.postAs(parley.user, review, parley.ask("novice", "say it again"), {});
  expect(await until(() => ended(ts), 30_000)).toMatchObject({ state: "answered" });
  // Whom it names there answers as well, sooner or later.
  const posts = parley.slack.log.posts({ channel: review, thread: ts, by: "app" });
  const said = posts.filter(({ username }) => username === "Novice").map(({ text }) => text);
  expect(said).toEqual([expect.not.stringContaining("In shadow")]);
});

it("says nothing where the review room's readers may not read what was asked", { timeout: 40_000 }, async () => {
  const secret = parley.slack.setup.addChannel(parley.space.team.id, {
    name: "board",
    isPrivate: true,
    members: [parley.user, parley.space.bot.botUserId],
  }).id;
  const { ts } = parley.slack.people.postAs(parley.user, secret, parley.ask("novice", "what do we earn?"), {});
  expect(await until(() => ended(ts), 30_000)).toEqual({
    state: "cancelled",
    state_reason: "shadow_source_is_narrower",
  });
  expect(ofApp(secret)).toEqual([]);
  expect(ofApp(review).filter((entry) => entry.text?.includes(secret) === true)).toEqual([]);
  expect(await audited("shadow_source_is_narrower")).toContainEqual(
    expect.objectContaining({ what: "denied", by: "novice" }),
  );
});

it("does not even ask an agent whose review room is not known", async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("lost", "are you there?"), {});
  const [event] = await until(async () => {
    const rows = await parley.ledger.query<{ decisions: unknown }>(
      { text: "select decisions from events where envelope->'body'->>'messageId' = $1 and finished_at is not null" },
      [ts],
    );
    return rows.length > 0 ? rows : undefined;
  });
  expect(JSON.stringify(event?.decisions)).toContain("shadow_room_unknown");
  expect(heard.some(({ text }) => text.includes("are you there?"))).toBe(false);
});

it("is not made to speak by an operator's send", async () => {
  const response = await fetch(`${parley.url}/api/send`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ agent: "novice", to: "slack:channel-1", text: "hello" }),
  });
  expect(response.status).toBe(403);
  expect(await response.text()).toContain("agent_in_shadow");
});
