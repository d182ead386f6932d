import { beforeAll, describe, expect, test } from "vitest";
import { DeviceRows } from "../../../adapters/matrix/crypto/device-rows.ts";
import { Undecryptable } from "../../../adapters/matrix/crypto/undecryptable.ts";
import type { AdapterLease, AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import { openLedger, quietLogger } from "./ledger.ts";

const NOW_MS = Date.parse("2026-11-01T00:00:00Z");
const DAY_MS = 24 * 60 * 60_000;
const ROOM = "!room:parley.test";
let state: AdapterStateStore;
let lease: AdapterLease;
let next = 0;

beforeAll(async () => {
  state = (await openLedger("i"))("one");
  const taken = await state.lease("i", "device");
  if (taken === undefined) throw new Error("no lease");
  lease = taken;
});

function newRows(): DeviceRows {
  next += 1;
  return new DeviceRows(state, "i", lease, `${next}/`);
}

function event(id: string, sessionId = "s", filling = "") {
  const content = { session_id: sessionId, ciphertext: filling };
  return { type: "m.room.encrypted", event_id: id, sender: "@a:b", content };
}

const kept = (
  id: string,
  more: { sessionId?: string; filling?: string; keptAtMs?: number; historical?: boolean } = {},
) => ({
  roomId: ROOM,
  event: event(id, more.sessionId, more.filling),
  note: { context: false },
  keptAtMs: more.keptAtMs ?? NOW_MS,
  historical: more.historical ?? false,
});

const idsOf = (events: Undecryptable, session?: { roomId: string; sessionId: string }): readonly unknown[] =>
  events.waiting(session).map((one) => one.event["event_id"]);

describe("events that wait for their keys", () => {
  test("stay in the order of their arrival over restarts, each once, with their notes", async () => {
    const rows = newRows();
    const before = await Undecryptable.load(rows, quietLogger, NOW_MS);
    for (const id of ["$c", "$a", "$b", "$a"]) await before.keep(kept(id));
    const after = await Undecryptable.load(rows, quietLogger, NOW_MS);
    await after.keep(kept("$0"));
    expect(idsOf(after)).toEqual(["$c", "$a", "$b", "$0"]);
    expect(after.waiting()[0]).toMatchObject({ roomId: ROOM, event: event("$c"), note: { context: false } });
  });

  test("are found by session, counted unless nobody owes their keys, and gone when they are removed", async () => {
    const rows = newRows();
    const events = await Undecryptable.load(rows, quietLogger, NOW_MS);
    await events.keep(kept("$1", { sessionId: "one" }));
    await events.keep(kept("$2", { sessionId: "two" }));
    await events.keep(kept("$3", { sessionId: "one", historical: true }));
    expect(idsOf(events, { roomId: ROOM, sessionId: "one" })).toEqual(["$1", "$3"]);
    expect(idsOf(events, { roomId: "!other:b", sessionId: "one" })).toEqual([]);
    expect(events.missing).toBe(2);
    for (const one of events.waiting()) await events.remove(one);
    expect(events.missing).toBe(0);
    expect((await rows.read()).size).toBe(0);
  });

  test("are given up after 30 days", async () => {
    const rows = newRows();
    const events = await Undecryptable.load(rows, quietLogger, NOW_MS);
    await events.keep(kept("$old", { keptAtMs: NOW_MS - 31 * DAY_MS }));
    await events.keep(kept("$new", { keptAtMs: NOW_MS - 29 * DAY_MS }));
    expect(idsOf(await Undecryptable.load(rows, quietLogger, NOW_MS))).toEqual(["$new"]);
    expect((await rows.read()).size).toBe(1);
  });

  test("are so many and so much at most: the oldest go", async () => {
    const rows = newRows();
    const limits = { maxEvents: 3, maxBytes: 4_000 };
    const events = await Undecryptable.load(rows, quietLogger, NOW_MS, limits);
    for (const id of ["$1", "$2", "$3", "$4"]) await events.keep(kept(id));
    expect(idsOf(events)).toEqual(["$2", "$3", "$4"]);
    await events.keep(kept("$5", { filling: "x".repeat(3_700) }));
    expect(idsOf(events)).toEqual(["$5"]);
    expect((await rows.read()).size).toBe(1);
    await events.keep(kept("$6"));
    expect(idsOf(await Undecryptable.load(rows, quietLogger, NOW_MS, limits))).toEqual(idsOf(events));
  });
});
