import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createReadingAgent } from "./reading-agent.ts";

const agent = createReadingAgent();
let parley: SlackApp;
let ada = "";
let ben = "";
/** Where it is asked, and what is read for it: both of ada and ben. */
let room = "";
let wide = "";
let canary = "";

beforeAll(async () => {
  const connector = { kind: "function" as const, run: agent.run };
  parley = await startSlackApp([
    { handle: "reader", name: "Reader", connector, replyInThread: false, speaksFirst: true },
  ]);
  [ada = "", ben = ""] = parley.space.users;
});
afterAll(() => parley.close());

beforeEach(async () => {
  const { setup, people, deliveries } = parley.slack;
  const members = [ada, ben, parley.space.bot.botUserId];
  const make = (name: string): string =>
    setup.addChannel(parley.space.team.id, { name: `${name}-${randomUUID().slice(0, 8)}`, isPrivate: true, members })
      .id;
  room = make("room");
  wide = make("wide");
  canary = `canary-${randomUUID()}`;
  people.postAs(ada, wide, `wide ${canary}`);
  await deliveries.whenIdle();
  await until(async () => (await rows("select 1 from messages where channel_id = $1", wide)).length === 1);
});

const rows = <Row>(text: string, ...values: string[]): Promise<Row[]> => parley.ledger.query<Row>({ text }, values);
const posted = (): string[] =>
  parley.slack.log.entries
    .filter(({ by, channel }) => by === "app" && channel === room)
    .map((entry) => JSON.stringify(entry));
const member = (channel: string, person: string, state: string): Promise<unknown> =>
  until(
    async () =>
      (
        await rows(
          "select 1 from memberships where channel_id = $1 and member_id = $2 and state = $3",
          channel,
          person,
          state,
        )
      ).length === 1,
  );

/** Asks for an answer from elsewhere that the platform makes wait; resolves once it waits in the outbox. */
async function waitingAnswer(): Promise<void> {
  parley.slack.faults.add({
    kind: "rate_limited",
    method: "chat.postMessage",
    channel: room,
    retryAfterSeconds: 4,
    times: 1,
  });
  const line = `conversation_history ${JSON.stringify({ conversation: wide })}`;
  parley.slack.people.postAs(ada, room, parley.ask("reader", `${line}\ntell`));
  await until(
    async () =>
      (
        await rows(
          `select 1 from deliveries d join conversations c on c.id = d.conversation_id
            where c.channel_id = $1 and d.state = 'pending' and d.attempt = 1 and d.fallback_text like '%' || $2 || '%'`,
          room,
          canary,
        )
      ).length === 1,
  );
}

/** The turn that was asked for, once its conversation has read that its answer was withheld. */
async function withheld(): Promise<unknown> {
  await until(() => posted().find((entry) => entry.includes("answer was withheld")), 15_000);
  expect(posted().join()).not.toContain(canary);
  const turns = await rows<{ state: string; state_reason: string; reply: unknown }>(
    `select t.state, t.state_reason, t.reply from turns t join conversations c on c.id = t.reply_conversation_id where c.channel_id = $1`,
    room,
  );
  await until(
    async () =>
      (
        await rows(
          "select 1 from turns t join conversations c on c.id = t.reply_conversation_id where c.channel_id = $1 and t.finished_at is null",
          room,
        )
      ).length === 0,
  );
  expect(JSON.stringify(turns)).not.toContain(canary);
  const audited = await rows("select 1 from audit_log where entries like '%before_sending_source_is_narrower%'");
  expect(audited.length).toBeGreaterThan(0);
  return turns;
}

it("is weighed again when somebody joined who may not read what it is made of", async () => {
  const dot = parley.slack.setup.addUser(parley.space.team.id, { name: "dot" });
  await waitingAnswer();
  parley.slack.people.invite(ada, room, dot);
  await member(room, dot, "joined");
  expect(await withheld()).toMatchObject([{ state_reason: "withheld" }]);
});

it("is weighed again when a reader of it left what it is made of", async () => {
  await waitingAnswer();
  parley.slack.people.kick(ada, wide, ben);
  await member(wide, ben, "left");
  expect(await withheld()).toMatchObject([{ state_reason: "withheld" }]);
});

it("is sent when nobody came or went, however long it waited", async () => {
  await waitingAnswer();
  const stale = "update turn_sources set checked_at = now() - interval '1 hour' where channel_id = $1";
  await rows(stale, wide);
  await until(() => posted().find((entry) => entry.includes(canary)), 15_000);
  const fresh = "select 1 from turn_sources where channel_id = $1 and checked_at > now() - interval '1 minute'";
  expect(await rows(fresh, wide)).toHaveLength(1);
});

it("waits while the readers cannot be found out", async () => {
  await waitingAnswer();
  await rows("update turn_sources set checked_at = now() - interval '1 hour' where channel_id = $1", wide);
  await rows("update channels set roster_at = now() - interval '1 hour' where channel_id = $1", wide);
  const fault = { kind: "status_before", method: "conversations.members", channel: wide } as const;
  const away = parley.slack.faults.add(fault);
  // Longer than the platform's pause: what could be sent would be there by now.
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  expect(posted().join()).not.toMatch(/canary|withheld/u);
  parley.slack.faults.remove(away);
  await until(() => posted().find((entry) => entry.includes(canary)), 30_000);
}, 60_000);
