import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Rows in states that a crash, a race or an operator can leave behind: each reaches its end, and within seconds. */
let parley: SlackApp;
let release: (() => void)[] = [];
const heard: { agent: string; text: string; aborted: boolean }[] = [];
const letGo = (): void => {
  for (const go of release) go();
  release = [];
};

const held = (agent: string) =>
  defineAgent(async function* (request, io) {
    const turn = { agent, text: request.trigger.text, aborted: false };
    heard.push(turn);
    io.signal.addEventListener("abort", () => {
      turn.aborted = true;
    });
    await Promise.race([
      new Promise<void>((resolve) => release.push(resolve)),
      new Promise((resolve) => io.signal.addEventListener("abort", resolve)),
    ]);
    yield `${agent} answers ${request.trigger.text}`;
  });

const steered = defineAgent(async function* (request, io) {
  heard.push({ agent: "steered", text: request.trigger.text, aborted: false });
  const extra: string[] = [];
  void (async () => {
    for await (const message of io.steering) extra.push(message.text);
  })();
  await new Promise<void>((resolve) => release.push(resolve));
  yield `steered answers ${[request.trigger.text, ...extra].join(" and ")}`;
});

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "held", name: "Held", connector: { kind: "function", run: held("held") } },
    { handle: "leaver", name: "Leaver", connector: { kind: "function", run: held("leaver") } },
    { handle: "steered", name: "Steered", connector: { kind: "function", run: steered }, turnMode: "steer" },
    {
      handle: "unhurried",
      name: "Unhurried",
      turnTimeoutMs: 4_000,
      connector: {
        kind: "function",
        run: defineAgent(async function* (request) {
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          yield `unhurried answers ${request.trigger.text}`;
        }),
      },
    },
    {
      handle: "hostile",
      name: "Hostile",
      connector: {
        kind: "function",
        run: defineAgent(async (request) => {
          heard.push({ agent: "hostile", text: request.trigger.text, aborted: false });
          throw new Error("a \u0000 and half a pair \ud800");
        }),
      },
    },
  ]);
});
afterAll(() => parley.close());

const post = (text: string, threadTs?: string): string =>
  parley.slack.people.postAs(parley.user, parley.channel, text, threadTs === undefined ? {} : { threadTs }).ts;
const answers = (thread: string): string[] =>
  parley.slack.log.posts({ channel: parley.channel, thread, by: "app" }).map((entry) => entry.text ?? "");
const turnsOf = (agent: string): typeof heard => heard.filter((turn) => turn.agent === agent);
const sql = <Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> =>
  parley.ledger.query<Row>({ text }, values);
const ended = async (ts: string): Promise<string | undefined> => {
  const [row] = await sql<{ state: string; state_reason: string | null }>(
    "select state, state_reason from events where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human' and finished_at is not null",
    [ts],
  );
  return row === undefined ? undefined : `${row.state}:${row.state_reason ?? ""}`;
};

const HUMAN_EVENT =
  "(select id from events where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human')";

/** A question whose turn runs, and a second one in the same thread whose turn waits for it. */
async function askTwice(agent: string): Promise<{ first: string; second: string }> {
  const before = turnsOf(agent).length;
  const first = post(parley.ask(agent, "one"));
  await until(() => turnsOf(agent).length === before + 1);
  const second = post("two", first);
  await until(async () => (await sql("select id from turns where state = 'queued'")).length === 1);
  return { first, second };
}

it("ends queued turns at once when the installation leaves the channel", async () => {
  const { first, second } = await askTwice("held");
  await sql("update turns set cancel_requested = 'cancelled:member_left' where finished_at is null");
  expect(await until(() => ended(first), 8_000)).toBe("cancelled:member_left");
  expect(await until(() => ended(second), 8_000)).toBe("cancelled:member_left");
  letGo();
  expect(answers(first)).toEqual([]);
}, 30_000);

it("ends the queued turn of an agent that was removed", async () => {
  const { first, second } = await askTwice("leaver");
  await sql("update agents set removed_at = now() where handle = 'leaver'");
  await sql("select pg_notify('parley_agents', '')");
  letGo();
  await until(() => ended(first), 8_000);
  expect(await until(() => ended(second), 8_000)).toBe("cancelled:agent_removed");
}, 30_000);

it("takes a deferred reply that came while its turn began to wait, also long after the question", async () => {
  for (const age of ["1 second", "45 minutes"]) {
    const before = turnsOf("held").length;
    const ts = post(parley.ask("held", `later, ${age}`));
    await until(() => turnsOf("held").length === before + 1);
    // What the two racing statements leave: the reply is stored, and the turn waits for it.
    await sql(
      `with waiting as (
        update turns set state = 'waiting', owner = null, epoch = epoch + 1, created_at = now() - $1::interval, deadline_at = now() + interval '1 hour'
        where state = 'running' returning id, organization_id
      ) insert into deferred_replies (turn_id, organization_id, reply) select id, organization_id, '{"text":"here it is"}' from waiting`,
      [age],
    );
    await until(() => answers(ts).length === 1, 10_000);
    expect(answers(ts)[0]).toContain("here it is");
    expect(await until(() => ended(ts))).toMatch(/^answered/);
    letGo();
  }
}, 40_000);

it("gives a turn its whole time, however long it queued", async () => {
  const first = post(parley.ask("unhurried", "one"));
  const second = post("two", first);
  await until(async () => (await sql("select id from turns where state = 'queued'")).length === 1);
  await sql("update turns set deadline_at = now() - interval '1 minute' where state = 'queued'");
  await until(() => answers(first).length === 2);
  expect(await until(() => ended(second))).toMatch(/^answered/);
}, 30_000);

it("lets every agent hear a message that names several, one of which works already", async () => {
  const before = turnsOf("steered").length;
  const first = post(parley.ask("steered", "begin"));
  await until(() => turnsOf("steered").length === before + 1);
  const both = post(`${parley.ask("steered", "and")} @held too`, first);
  const { mentions } = await until(async () => {
    const [row] = await sql<{ mentions: string[] }>(
      "select envelope->'body'->'mentions'->'agents' as mentions from events where envelope->'body'->>'messageId' = $1",
      [both],
    );
    return row;
  });
  expect(mentions.toSorted()).toEqual(["held", "steered"]);
  await until(() => turnsOf("held").at(-1)?.text.includes("too"));
  letGo();
  await until(() => {
    letGo();
    return answers(first).length === 3;
  });
  expect(answers(first).filter((text) => text.includes("too"))).toHaveLength(2);
}, 30_000);

it("closes a turn whose last two writes were recorded by two processes at the same moment", async () => {
  const ts = post(parley.ask("unhurried", "hello"));
  await until(() => ended(ts));
  await sql(
    `with turn as (update turns set state = 'delivering', finished_at = null, replied_at = now() - interval '1 minute'
      where event_id = ${HUMAN_EVENT} returning event_id)
    update events set state = 'routed', open_turns = 1, finished_at = null where id = (select event_id from turn)`,
    [ts],
  );
  expect(await until(() => ended(ts), 15_000)).toMatch(/^answered/);
  expect(answers(ts)).toHaveLength(1);
}, 30_000);

it("ends a turn that people saw begin with a word about it, when it is stopped before it goes on", async () => {
  const before = turnsOf("held").length;
  const ts = post(parley.ask("held", "a tale"));
  await until(() => turnsOf("held").length === before + 1);
  // Its worker died after it opened a preview; the message stands, the turn waits in its queue.
  const [shown] = parley.slack.log.posts({ by: "app" });
  await sql(
    `with turn as (
      update turns set state = 'queued', owner = null, epoch = epoch + 1, not_before = now() + interval '1 hour' where event_id = ${HUMAN_EVENT} returning *
    ) insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, preview, final, state, message_id)
      select 'd_seen', organization_id, id, agent_id, reply_conversation_id, 0, 'null', 'Once upon', 'd_seen', true, false, 'open', $2 from turn`,
    [ts, shown?.ts],
  );
  parley.slack.people.deleteAs(parley.user, parley.channel, ts);
  expect(await until(() => ended(ts), 10_000)).toBe("cancelled:trigger_deleted");
  letGo();
  const [delivery] = await sql<{ state: string; fallback_text: string }>(
    "select * from deliveries where id = 'd_seen'",
  );
  expect(delivery?.state).not.toBe("open");
  expect(delivery?.fallback_text).toContain("Stopped");
}, 30_000);

it("stops an agent whose turn another worker has taken over, and posts nothing of it", async () => {
  const before = turnsOf("held").length;
  const ts = post(parley.ask("held", "who am I"));
  await until(() => turnsOf("held").length === before + 1);
  await sql("insert into workers (id, roles, heartbeat_at) values ('w_other', '', now() + interval '1 hour')");
  await sql(`update turns set owner = 'w_other', epoch = epoch + 1 where event_id = ${HUMAN_EVENT}`, [ts]);
  await until(() => turnsOf("held").find((turn) => turn.text.includes("who am I"))?.aborted, 8_000);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(answers(ts)).toEqual([]);
  await sql("delete from workers where id = 'w_other'");
  await until(async () => {
    letGo();
    return await ended(ts);
  }, 10_000);
  expect(answers(ts)).toHaveLength(1);
}, 30_000);

it("asks an agent once whose error holds what no database keeps", async () => {
  const ts = post(parley.ask("hostile", "well?"));
  expect(await until(() => ended(ts), 8_000)).toMatch(/^dead_lettered/);
  expect(answers(ts)).toHaveLength(1);
  expect(turnsOf("hostile")).toHaveLength(1);
}, 20_000);

it("replays a failed turn whose notice was parked", async () => {
  const [letter] = await sql<{ id: string; turn_id: string }>(
    "select id, turn_id from dead_letters where stage = 'invoke' and state = 'open' order by created_at desc limit 1",
  );
  await sql("update deliveries set state = 'parked' where turn_id = $1", [letter?.turn_id]);
  const { token } = JSON.parse(
    await (await import("node:fs/promises")).readFile(`${parley.dataFolder}/operator.json`, "utf8"),
  ) as { token: string };
  const replayed = await fetch(`${parley.url}/api/dead-letters/${letter?.id}/replay`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  expect(replayed.status).toBe(200);
  await until(async () => {
    const [turn] = await sql<{ finished_at: Date | null }>("select finished_at from turns where id = $1", [
      letter?.turn_id,
    ]);
    return turn?.finished_at;
  }, 8_000);
  expect(turnsOf("hostile")).toHaveLength(2);
}, 20_000);

it("leaves the work of a platform that this process has not, and goes on with its own", async () => {
  for (const state of ["pending", "unknown"]) {
    await sql(
      `insert into conversations (id, organization_id, installation_id, platform, channel_id, path, due_at, outbox_due_at)
        select 'c_far_' || $1, organization_id, 'i_far', 'faraway', 'far', path, now() - interval '1 hour', now() - interval '1 hour' from conversations limit 1`,
      [state],
    );
    await sql(
      `insert into deliveries (id, organization_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, state, first_attempt_at)
        select 'd_far_' || $1, d.organization_id, d.agent_id, 'c_far_' || $1, 0, '{}', 'far', 'd_far_' || $1, $1, now()
        from deliveries d join agents a on a.id = d.agent_id and a.removed_at is null limit 1`,
      [state],
    );
  }
  const ts = post(parley.ask("unhurried", "are you there?"));
  await until(() => ended(ts));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const rows = await sql<{ state: string }>(
    "select state from deliveries where conversation_id like 'c_far%' order by id",
  );
  expect(rows.map((row) => row.state)).toEqual(["pending", "unknown"]);
  expect((await sql("select id from deliveries where state = 'sending'")).length).toBe(0);
}, 30_000);
