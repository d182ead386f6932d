import { describe, expect, test } from "vitest";
import type { IngestOutcome } from "../../../src/contracts/adapter-sink.ts";
import { createIntakeMemory } from "../../../src/pipeline/ingest/intake-memory.ts";

const stored = (eventId: string): Promise<IngestOutcome> => Promise.resolve({ eventId, duplicate: false });

describe("intake memory", () => {
  test("a second copy is not stored again and has the id of the first", async () => {
    const memory = createIntakeMemory();
    expect(await memory.once("a", () => stored("e1"))).toEqual({ eventId: "e1", duplicate: false });
    expect(await memory.once("a", () => stored("e2"))).toEqual({ eventId: "e1", duplicate: true });
    expect(await memory.once("b", () => stored("e3"))).toEqual({ eventId: "e3", duplicate: false });
  });

  test("a copy that comes during the commit of the first is settled by it and not before", async () => {
    const memory = createIntakeMemory();
    const commit = Promise.withResolvers<IngestOutcome>();
    const first = memory.once("a", () => commit.promise);
    let settled = false;
    const second = memory
      .once("a", () => stored("e2"))
      .finally(() => {
        settled = true;
      });
    await Promise.resolve();
    expect(settled).toBe(false);
    commit.resolve({ eventId: "e1", duplicate: false });
    expect(await first).toEqual({ eventId: "e1", duplicate: false });
    expect(await second).toEqual({ eventId: "e1", duplicate: true });
  });

  test("what could not be stored is refused for every copy, and stored by the next attempt", async () => {
    const memory = createIntakeMemory();
    const commit = Promise.withResolvers<IngestOutcome>();
    const first = memory.once("a", () => commit.promise);
    const second = memory.once("a", () => stored("never"));
    commit.reject(new Error("the ledger is away"));
    await expect(first).rejects.toThrow("away");
    await expect(second).rejects.toThrow("away");
    expect(await memory.once("a", () => stored("e9"))).toEqual({ eventId: "e9", duplicate: false });
  });

  test("it forgets the oldest and keeps at least the newest ten thousand", async () => {
    const memory = createIntakeMemory();
    for (let n = 0; n < 25_000; n += 1) await memory.once(`k${n}`, () => stored(`e${n}`));
    expect((await memory.once("k0", () => stored("again"))).duplicate).toBe(false);
    expect(await memory.once("k24999", () => stored("again"))).toEqual({ eventId: "e24999", duplicate: true });
    expect(await memory.once("k15001", () => stored("again"))).toEqual({ eventId: "e15001", duplicate: true });
  });
});
