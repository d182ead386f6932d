import { setTimeout as delay } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { LocalBell } from "../../../src/queue/local-bell.ts";

interface Watched {
  readonly bell: LocalBell;
  readonly calls: (readonly string[])[];
  readonly failures: unknown[];
  /** Ends the oldest handler that still runs. */
  readonly finish: (error?: Error) => void;
}

function watched(slots: number): Watched {
  const calls: (readonly string[])[] = [];
  const failures: unknown[] = [];
  const running: PromiseWithResolvers<void>[] = [];
  const handler = (ids: readonly string[]): Promise<void> => {
    calls.push(ids);
    const run = Promise.withResolvers<void>();
    running.push(run);
    return run.promise;
  };
  const bell = new LocalBell({ slots, handler, onFailed: (error) => failures.push(error) });
  return {
    bell,
    calls,
    failures,
    finish(error) {
      const run = running.shift();
      if (error === undefined) run?.resolve();
      else run?.reject(error);
    },
  };
}

test("what one tick rings is one call, each conversation once", async () => {
  const { bell, calls } = watched(2);
  expect([bell.take(["b"]), bell.take(["a", "b"]), bell.take(["c"])]).toEqual([true, true, true]);
  await Promise.resolve();
  expect(calls).toEqual([["a", "b", "c"]]);
});

test("takes only what it can begin, and what it has already", async () => {
  const { bell, calls, finish } = watched(1);
  expect(bell.take(["a"])).toBe(true);
  await Promise.resolve();
  expect(bell.take(["b"])).toBe(false);
  expect(bell.take(["a", "b"])).toBe(false);
  expect(bell.take(["a"])).toBe(true);
  finish();
  await vi.waitFor(() => expect(calls).toEqual([["a"], ["a"]]));
  finish();
  await vi.waitFor(() => expect(bell.running).toBe(0));
  expect(bell.take(["b"])).toBe(true);
});

test("a conversation rung while it is handled comes again after that, others at once", async () => {
  const { bell, calls, finish } = watched(4);
  bell.take(["a"]);
  await Promise.resolve();
  bell.take(["a", "b"]);
  await Promise.resolve();
  expect(calls).toEqual([["a"], ["b"]]);
  finish();
  await vi.waitFor(() => expect(calls).toEqual([["a"], ["b"], ["a"]]));
});

test("a handler that throws is reported, and its conversation can be rung again", async () => {
  const { bell, calls, failures, finish } = watched(1);
  bell.take(["a"]);
  await Promise.resolve();
  finish(new Error("broke"));
  await vi.waitFor(() => expect(failures).toHaveLength(1));
  expect(bell.take(["a"])).toBe(true);
  await Promise.resolve();
  expect(calls).toHaveLength(2);
});

test("close gives back what had not begun and waits for the rest", async () => {
  const { bell, finish } = watched(1);
  bell.take(["a"]);
  await Promise.resolve();
  bell.take(["a"]);
  expect(bell.close()).toEqual(["a"]);
  expect(bell.take(["a"])).toBe(false);
  let idle = false;
  const waiting = bell.idle().then(() => {
    idle = true;
  });
  await Promise.resolve();
  expect(idle).toBe(false);
  finish();
  await waiting;
  expect(idle).toBe(true);
});

test("no ring is lost and no conversation is handled twice at once, in 2 000 rings of random timing", async () => {
  const stored = new Map<string, number>();
  const seen = new Map<string, number>();
  const active = new Set<string>();
  const bell = new LocalBell({
    slots: 3,
    onFailed: (error) => expect.unreachable(String(error)),
    handler: async (ids) => {
      for (const id of ids) {
        expect(active.has(id)).toBe(false);
        active.add(id);
        seen.set(id, stored.get(id) ?? 0);
      }
      await delay(Math.random() * 3);
      for (const id of ids) active.delete(id);
    },
  });
  for (let ring = 0; ring < 2_000; ring += 1) {
    const id = `conversation ${ring % 7}`;
    stored.set(id, (stored.get(id) ?? 0) + 1);
    while (!bell.take([id])) await delay(1);
    if (ring % 5 === 0) await delay(Math.random());
  }
  await vi.waitFor(() => expect(bell.running).toBe(0));
  expect(seen).toEqual(stored);
});
