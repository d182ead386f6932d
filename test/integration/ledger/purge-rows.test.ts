import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { createPurge } from "../../../src/ledger/purge-loop.ts";
import { createIdSource } from "../../../src/ledger/row-ids.ts";
import { findText } from "../../support/ledger/find-text.ts";
import { BACKENDS, openForTest } from "../connection/open-backends.ts";
import { RecordingLogger } from "../queue/recording-logger.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const SECRET = "canary-of-a-deleted-message";
const newId = createIdSource();

describe.each(BACKENDS)("rows that hold a deleted message, on %s", (backend) => {
  let database: Database;
  beforeEach(async () => {
    database = await openForTest(backend);
    await migrate(database, MIGRATIONS);
  });

  const insert = (table: string, row: Readonly<Record<string, unknown>>): Promise<unknown[]> => {
    const names = Object.keys(row);
    return database.query(
      {
        text: `insert into ${table} (${names.join(", ")}) values (${names.map((_name, at) => `$${at + 1}`).join(", ")})`,
      },
      Object.values(row),
    );
  };
  const event = async (kind: string, message: string, text?: string): Promise<string> => {
    const id = newId("e");
    const content = text === undefined ? {} : { content: [{ type: "text", markdown: text }] };
    const envelope = {
      platform: "slack",
      conversation: { channel: { id: "C" } },
      sender: { id: "U" },
      body: { messageId: message, ...content },
    };
    await insert("events", {
      id,
      organization_id: "o",
      installation_id: "i",
      conversation_id: "c",
      kind,
      dedupe_key: id,
      platform_order: id,
      envelope: JSON.stringify(envelope),
      state: "answered",
      occurred_at: new Date(),
    });
    return id;
  };
  const message = (id: string, eventId: string, text: string): Promise<unknown[]> =>
    insert("messages", {
      installation_id: "i",
      channel_id: "C",
      message_id: id,
      organization_id: "o",
      conversation_id: "c",
      event_id: eventId,
      sender: "{}",
      content: JSON.stringify([{ type: "text", markdown: text }]),
      text,
      platform_order: id,
      occurred_at: new Date(),
    });

  test("are emptied once, whatever came first, and other messages stay", { timeout: 60_000 }, async () => {
    const created = await event("message_created", "1", `${SECRET} one`);
    await event("message_edited", "1", `${SECRET} two`);
    await message("1", created, `${SECRET} two`);
    // Told of its deletion before it was told of the message itself.
    await event("message_created", "2", "another message");
    const early = await event("message_deleted", "3");
    await message("3", early, "");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await event("message_created", "3", `${SECRET} three`);
    const common = { organization_id: "o", event_id: created };
    await insert("journal", {
      ...common,
      verb: "invoke",
      outcome: "retry",
      rule: "r",
      detail: JSON.stringify({ error: `no: ${SECRET} one` }),
    });
    await insert("dead_letters", {
      ...common,
      id: "x1",
      stage: "route",
      code: "X",
      reason: `cannot route ${SECRET} one`,
      dedupe_key: "x1",
    });
    expect((await findText(database, SECRET)).length).toBeGreaterThan(4);
    await event("message_deleted", "1");
    const logger = new RecordingLogger();
    const purge = createPurge({ database, digest: (text) => `digest of ${text.length}`, logger });
    expect(await purge.run()).toBeGreaterThan(5);
    expect(await findText(database, SECRET)).toEqual([]);
    expect(await findText(database, "another message")).toEqual(["public.events.envelope (1)"]);
    expect(await purge.run()).toBe(0);
    const [row] = await database.query<{ n: number }>({
      text: "select count(*)::int as n from audit_log where entries like '%purged%'",
    });
    expect(row?.n).toBe(2);
    // Long after, it is done with and is not looked at again.
    await database.query({ text: "update events set received_at = now() - interval '10 minutes'" });
    await createPurge({ database, digest: (text) => text, logger }).run();
    expect(
      await database.query({ text: "select 1 from events where kind = 'message_deleted' and purged_at is null" }),
    ).toEqual([]);
  });

  test("take with them what was made of the message and waits elsewhere, and nothing of other messages", async () => {
    const created = await event("message_created", "1", `${SECRET} one`);
    await message("1", created, `${SECRET} one`);
    const waits = async (turn: string, source: string): Promise<void> => {
      const of = { organization_id: "o", turn_id: turn };
      const read = { installation_id: "i", channel_id: "C", message_ids: JSON.stringify([source]) };
      await insert("turn_sources", { ...of, ...read });
      const reply = JSON.stringify([{ type: "text", markdown: `${turn} says ${SECRET} one` }]);
      const place = { agent_id: "a", conversation_id: "c" };
      await insert("withheld_replies", { ...of, ...place, policy: "approve", sources: "[]", reply, state: "open" });
      await insert("command_results", { ...of, agent_id: "a", session_key: turn, value: `sealed ${turn}` });
      const created_at = new Date(Date.now() - 60_000);
      await insert("tool_calls", { ...of, id: `k_${turn}`, tool: "t", input: "sealed", result: "sealed", created_at });
    };
    await waits("t_1", "1");
    await waits("t_2", "2");
    const conversation = { id: "c", organization_id: "o", installation_id: "i", platform: "slack", channel_id: "C" };
    await insert("conversations", { ...conversation, path: "{}" });
    const schedule = (id: string, state: string): Promise<unknown> =>
      insert("schedules", {
        organization_id: "o",
        id,
        agent_id: "a",
        conversation_id: "c",
        requested_by: "u",
        requested_by_name: "U",
        task: `${SECRET} one`,
        state,
        due_at: new Date(),
      });
    await schedule("s_done", "done");
    await schedule("s_active", "active");
    await event("message_deleted", "1");
    const logger = new RecordingLogger();
    await createPurge({ database, digest: (text) => text.length.toString(), logger }).run();
    const left = async (text: string): Promise<string[]> =>
      (await database.query<{ of: string }>({ text })).map((row) => row.of);
    expect(await left("select turn_id as of from withheld_replies where reply is not null")).toEqual(["t_2"]);
    expect(await left("select turn_id as of from command_results")).toEqual(["t_2"]);
    expect(await left("select turn_id as of from tool_calls")).toEqual(["t_2"]);
    // What somebody asked for goes on until they cancel it.
    expect(await left("select id as of from schedules where task <> ''")).toEqual(["s_active"]);
  });
});
