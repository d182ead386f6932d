import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { createRetention } from "../../../src/ledger/retention-loop.ts";
import { createIdSource } from "../../../src/ledger/row-ids.ts";
import { BACKENDS, openForTest } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const quiet = (): void => undefined;
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };
const newId = createIdSource();

interface Seed {
  /** Age of everything, in days. */
  readonly age: number;
  readonly state?: string;
  readonly turn?: string;
  readonly delivery?: string;
  readonly letter?: "open" | "replayed";
  readonly letterOf?: "event" | "turn";
  readonly organization?: string;
}

describe.each(BACKENDS)("retention on %s", (backend) => {
  let database: Database;
  beforeEach(async () => {
    database = await openForTest(backend);
    await migrate(database, MIGRATIONS);
    await database.query({ text: "insert into organizations (id, name) values ('o', 'o')" });
  });

  const insert = (table: string, row: Readonly<Record<string, unknown>>): Promise<unknown[]> => {
    const names = Object.keys(row);
    const values = names.map((_name, index) => `$${index + 1}`);
    return database.query(
      { text: `insert into ${table} (${names.join(", ")}) values (${values.join(", ")})` },
      Object.values(row),
    );
  };
  const count = async (table: string): Promise<number> => {
    const [row] = await database.query<{ n: number }>({ text: `select count(*)::int as n from ${table}` });
    return row?.n ?? -1;
  };

  /** An event with its message, its turn and what the turn wrote, all of one age. */
  async function seed({ age, state = "answered", turn = "answered", delivery = "delivered", ...more }: Seed) {
    const at = new Date(Date.now() - age * 86_400_000);
    const isOver = state !== "routed";
    const [event, turnId, deliveryId] = [newId("e"), newId("t"), newId("d")];
    const turnIsOver = turn === "answered";
    const common = { organization_id: more.organization ?? "o" };
    await insert("events", {
      ...common,
      id: event,
      installation_id: "i",
      conversation_id: "c_1",
      kind: "message_created",
      dedupe_key: event,
      platform_order: event,
      envelope: "{}",
      state,
      decisions: "[]",
      open_turns: turnIsOver ? 0 : 1,
      occurred_at: at,
      received_at: at,
      finished_at: isOver ? at : null,
    });
    await insert("turns", {
      ...common,
      id: turnId,
      agent_id: "a",
      conversation_id: "c_1",
      reply_conversation_id: `c_${event}`,
      event_id: event,
      reason: "mention",
      state: turn,
      root_event_id: event,
      created_at: at,
      finished_at: turnIsOver ? at : null,
    });
    await insert("deliveries", {
      ...common,
      id: deliveryId,
      turn_id: turnId,
      agent_id: "a",
      conversation_id: "c_1",
      ordinal: 0,
      body: "{}",
      fallback_text: "answer",
      idempotency_key: deliveryId,
      state: delivery,
      created_at: at,
    });
    for (const origin of [{ event_id: event }, { turn_id: turnId }])
      await insert("messages", {
        ...common,
        ...origin,
        installation_id: "i",
        channel_id: "ch",
        message_id: newId("m"),
        conversation_id: "c_1",
        sender: "{}",
        content: "[]",
        text: "words",
        platform_order: event,
        occurred_at: at,
      });
    await insert("journal", { ...common, event_id: event, verb: "route", outcome: "ok", rule: "r", at });
    if (more.letter !== undefined)
      await insert("dead_letters", {
        ...common,
        id: newId("x"),
        stage: "invoke",
        code: "X",
        reason: "r",
        state: more.letter,
        dedupe_key: event,
        ...(more.letterOf === "turn" ? { turn_id: turnId } : { event_id: event }),
        created_at: at,
        resolved_at: more.letter === "open" ? null : at,
      });
    return { event, turnId, at };
  }

  /** What a turn leaves elsewhere: what it has read, what was withheld of it, calls and results of tools. */
  async function leave({ turnId, at }: { readonly turnId: string; readonly at: Date }): Promise<void> {
    const of = { organization_id: "o", turn_id: turnId };
    await insert("turn_sources", { ...of, installation_id: "i", channel_id: "ch2", message_ids: '["1"]', read_at: at });
    await insert("withheld_replies", {
      ...of,
      agent_id: "a",
      conversation_id: "c_1",
      policy: "approve",
      sources: "[]",
      reply: "[]",
      state: "open",
      created_at: at,
    });
    await insert("tool_calls", { ...of, id: newId("k"), tool: "post", input: "sealed", created_at: at });
    await insert("command_results", { ...of, agent_id: "a", session_key: turnId, value: "sealed", created_at: at });
  }

  const retention = (days: number, pageRows = 3) =>
    createRetention({ database, days, logger, pageRows, pauseMs: 0, everyMs: 50 });

  test("forgets what is over and old, with all that hangs on it, page by page, and nothing else", async () => {
    for (let n = 0; n < 10; n++) await seed({ age: 40 });
    const kept = [await seed({ age: 20 }), await seed({ age: 1 })];
    await insert("deliveries", {
      organization_id: "o",
      id: "d_sent_by_hand",
      agent_id: "a",
      conversation_id: "c_1",
      ordinal: 0,
      body: "{}",
      fallback_text: "x",
      idempotency_key: "k",
      state: "delivered",
      created_at: new Date(Date.now() - 40 * 86_400_000),
    });
    expect(await retention(30).run()).toEqual({
      events: 10,
      turns: 10,
      deliveries: 11,
      messages: 20,
      deadLetters: 0,
      journal: 10,
    });
    const left = await database.query<{ id: string }>({ text: "select id from events order by id" });
    expect(left.map((row) => row.id)).toEqual(kept.map((one) => one.event).toSorted());
    expect([await count("turns"), await count("deliveries"), await count("messages"), await count("journal")]).toEqual([
      2, 2, 4, 2,
    ]);
    expect(Object.values(await retention(30).run())).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("forgets what each organization wants forgotten at its own age, and nothing of one that keeps all", async () => {
    const daysOf = { short: 10, keeps: 0, brief: 10 };
    for (const age of [400, 40, 20, 5])
      for (const organization of ["o", ...Object.keys(daysOf)]) {
        const { at } = await seed({ age, organization, letter: "replayed" });
        const of = { organization_id: organization };
        await insert("usage_totals", {
          ...of,
          agent_id: `a_${organization}`,
          day: at,
          scope: "agent",
          subject: "",
          turns: 1,
        });
        await insert("deliveries", {
          ...of,
          id: newId("d"),
          agent_id: "a",
          conversation_id: "c_1",
          ordinal: 0,
          body: "{}",
          fallback_text: "x",
          idempotency_key: newId("k"),
          state: "delivered",
          created_at: at,
        });
      }
    const sweep = createRetention({ database, days: 30, daysOf, logger, pageRows: 3, pauseMs: 0 });
    await sweep.run();
    for (const [table, perSeed] of [
      ["events", 1],
      ["turns", 1],
      ["deliveries", 2],
      ["messages", 2],
      ["journal", 1],
      ["dead_letters", 1],
      ["usage_totals", 1],
    ] as const) {
      const left = await database.query<{ id: string; n: number }>({
        text: `select organization_id as id, count(*)::int as n from ${table} group by organization_id order by 1`,
      });
      expect([table, Object.fromEntries(left.map(({ id, n }) => [id, n / perSeed]))]).toEqual([
        table,
        { brief: 1, keeps: 4, o: 2, short: 1 },
      ]);
    }
    expect(Object.values(await sweep.run())).toEqual([0, 0, 0, 0, 0, 0]);
    const others = createRetention({ database, days: 0, daysOf: { keeps: 30 }, logger, pageRows: 3, pauseMs: 0 });
    expect(await others.run()).toMatchObject({ events: 2, messages: 4 });
  });

  test("leaves alone, however old, what is open or wanted for a replay", async () => {
    await seed({ age: 400, state: "routed", turn: "running", delivery: "pending" });
    await seed({ age: 400, turn: "waiting" });
    await seed({ age: 400, delivery: "unknown" });
    await seed({ age: 400, letter: "open" });
    await seed({ age: 400, letter: "open", letterOf: "turn" });
    expect(Object.values(await retention(30).run())).toEqual([0, 0, 0, 0, 0, 0]);
    expect([await count("events"), await count("messages"), await count("dead_letters")]).toEqual([5, 10, 2]);
    await database.query({
      text: "update dead_letters set state = 'discarded', resolved_at = now() - interval '31 days'",
    });
    expect(await retention(30).run()).toMatchObject({ events: 2, messages: 4, deadLetters: 2 });
  });

  test("forgets the totals of days gone by, many at once", async () => {
    for (const age of [0, 29, 31, 40, 400])
      for (const subject of ["", "i_1/U1"])
        await insert("usage_totals", {
          organization_id: "main",
          agent_id: "a_1",
          day: new Date(Date.now() - age * 86_400_000),
          scope: subject === "" ? "agent" : "person",
          subject,
          turns: 1,
        });
    await retention(30, 2).run();
    expect(await count("usage_totals")).toBe(4);
  });

  test("forgets with a turn what it had read, what was withheld of it, and calls and results of its tools", async () => {
    for (let n = 0; n < 4; n++) await leave(await seed({ age: 40 }));
    await leave(await seed({ age: 0 }));
    await retention(30).run();
    for (const table of ["turn_sources", "withheld_replies", "tool_calls", "command_results"])
      expect([table, await count(table)]).toEqual([table, 1]);
  });

  test("forgets schedules that have ended, tasks of outside clients long silent, and calls that nobody fetched", async () => {
    const ago = (days: number): Date => new Date(Date.now() - days * 86_400_000);
    const schedule = (id: string, state: string, due_at: Date): Promise<unknown> =>
      insert("schedules", {
        organization_id: "o",
        id,
        agent_id: "a",
        conversation_id: "c_1",
        requested_by: "u",
        requested_by_name: "U",
        task: "look",
        state,
        due_at,
      });
    await schedule("s_done", "done", ago(40));
    await schedule("s_active", "active", ago(40));
    await schedule("s_late", "cancelled", ago(1));
    const task = async (id: string, updated_at: Date, said: Date): Promise<void> => {
      const common = { organization_id: "o", token_id: "k_1" };
      const of = { id, context_id: id, message_id: id, room_id: "r", state: "completed", created_at: ago(60) };
      await insert("a2a_tasks", { ...common, ...of, updated_at });
      await insert("a2a_messages", { ...common, message_id: id, task_id: id, created_at: said });
    };
    for (const id of ["t_1", "t_2", "t_3"]) await task(id, ago(40), ago(40));
    await task("t_spoken", ago(40), ago(1));
    await task("t_told", ago(1), ago(40));
    const call = { organization_id: "o", turn_id: "t_gone", tool: "post", input: "sealed" };
    await insert("tool_calls", { ...call, id: "k_old", created_at: ago(0.1) });
    await insert("tool_calls", { ...call, id: "k_new" });
    await retention(30, 2).run();
    const ids = async (table: string): Promise<string[]> =>
      (await database.query<{ id: string }>({ text: `select id from ${table} order by id` })).map(({ id }) => id);
    expect(await ids("schedules")).toEqual(["s_active", "s_late"]);
    expect(await ids("a2a_tasks")).toEqual(["t_spoken", "t_told"]);
    expect(await count("a2a_messages")).toBe(2);
    expect(await ids("tool_calls")).toEqual(["k_new"]);
  });

  test("0 days keep everything", async () => {
    await seed({ age: 4_000 });
    const forever = retention(0);
    forever.start();
    await forever.run();
    await forever.stop();
    expect(await count("events")).toBe(1);
  });

  test("sweeps by itself, many sweeps at once do no harm, and stopping waits for the one under way", async () => {
    for (let n = 0; n < 30; n++) await seed({ age: 40, letter: "replayed" });
    const sweeps = [retention(30, 5), retention(30, 7), retention(30, 4)];
    for (const one of sweeps) one.start();
    await expect.poll(() => count("events"), { timeout: 10_000 }).toBe(0);
    await expect.poll(() => count("messages"), { timeout: 10_000 }).toBe(0);
    await expect.poll(() => count("dead_letters"), { timeout: 10_000 }).toBe(0);
    await Promise.all(sweeps.map((one) => one.stop()));
    await seed({ age: 40 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await count("events")).toBe(1);
  });
});
