import { describe, expect, test, vi } from "vitest";
import { BoundedMap } from "../../../adapters/shared/bounded-map.ts";
import { KeyedQueue } from "../../../adapters/shared/keyed-queue.ts";
import { parseRetryAfterMs } from "../../../adapters/shared/retry-after.ts";
import { SendLimiter } from "../../../adapters/shared/send-limiter.ts";

const RULES = {
  post: { perMinute: 60, burst: 2, scope: "channel" },
  update: { perMinute: 60, burst: 4, scope: "installation" },
} as const;
const key = (method: string, channel?: string, installationId = "i") => ({
  installationId,
  method,
  ...(channel === undefined ? {} : { channel }),
});

/** Runs the work on fake time and gives the ms at which each call started, by name. */
async function startTimes(
  work: (limiter: SendLimiter, note: (name: string) => (value: unknown) => void) => void,
  forMs: number,
): Promise<Record<string, number>> {
  vi.useFakeTimers({ now: 1_000_000 });
  try {
    const limiter = new SendLimiter({ rules: RULES, pacing: true });
    const times: Record<string, number> = {};
    work(limiter, (name) => () => {
      times[name] = Date.now() - 1_000_000;
    });
    await vi.advanceTimersByTimeAsync(forMs);
    return times;
  } finally {
    vi.useRealTimers();
  }
}

describe("the limiter", () => {
  test("paces a channel without holding up another one", async () => {
    const times = await startTimes((limiter, note) => {
      for (const n of [1, 2, 3, 4]) void limiter.acquire(key("post", "A")).then(note(`A${n}`));
      void limiter.acquire(key("post", "B")).then(note("B1"));
      void limiter.acquire(key("post", "A", "other")).then(note("other"));
    }, 4_000);
    expect(times).toEqual({ A1: 0, A2: 0, A3: 1_000, A4: 2_000, B1: 0, other: 0 });
  });

  test("starts no call of the bucket before the pause the platform named", async () => {
    const times = await startTimes((limiter, note) => {
      limiter.pause(key("post", "A"), 3_000);
      void limiter.acquire(key("post", "A")).then(note("A"));
      void limiter.acquire(key("post", "B")).then(note("B"));
      void limiter.acquire(key("update", "A")).then(note("update"));
    }, 5_000);
    expect(times).toEqual({ A: 3_000, B: 0, update: 0 });
  });

  test("keeps a pause that is named while calls wait", async () => {
    const times = await startTimes((limiter, note) => {
      for (const n of [1, 2, 3]) void limiter.acquire(key("post", "A")).then(note(`A${n}`));
      setTimeout(() => limiter.pause(key("post", "A"), 2_000), 500);
    }, 5_000);
    expect(times["A3"]).toBe(2_500);
  });

  test("refuses what would wait too long, with the pause", async () => {
    const limiter = new SendLimiter({ rules: RULES, pacing: false });
    limiter.pause(key("post", "A"), 60_000);
    await expect(limiter.acquire(key("post", "A"))).rejects.toMatchObject({
      code: "PLATFORM_RATE_LIMITED",
      delivery: "not_sent",
      retryAfterMs: expect.any(Number),
    });
    await limiter.acquire(key("post", "B"));
  });

  test("ends a wait at once when it is called off", async () => {
    const limiter = new SendLimiter({ rules: RULES, pacing: false });
    limiter.pause(key("post", "A"), 4_000);
    const controller = new AbortController();
    const waiting = limiter.acquire(key("post", "A"), controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "TURN_CANCELLED", delivery: "not_sent" });
  });

  test("lets previews have only half of what there is, and shares by installation where the rule says so", () => {
    const limiter = new SendLimiter({ rules: RULES, pacing: true, now: () => 0 });
    const taken = [1, 2, 3, 4, 5].map((n) => limiter.tryAcquire(key("update", `C${n}`)));
    expect(taken).toEqual([true, true, true, false, false]);
  });
});

test("a keyed queue keeps the order of each key and survives failures", async () => {
  const queue = new KeyedQueue();
  const seen: string[] = [];
  const task =
    (name: string, ms: number, fails = false) =>
    async () => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      seen.push(name);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([
    queue.run("a", task("a1", 20, true)),
    queue.run("a", task("a2", 1)),
    queue.run("b", task("b1", 5)),
    queue.run("a", task("a3", 1)),
  ]);
  expect(seen).toEqual(["b1", "a1", "a2", "a3"]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled"]);
  await vi.waitUntil(() => queue.size === 0);
});

test("a call that waited while the process stood still does not start: another worker may have sent it", async () => {
  let nowMs = 0;
  const limiter = new SendLimiter({ rules: RULES, pacing: true, now: () => nowMs });
  limiter.pause(key("post", "a"), 20);
  const call = limiter.acquire(key("post", "a"));
  nowMs = 60_000;
  await expect(call).rejects.toMatchObject({ code: "LEASE_LOST", delivery: "not_sent" });
});

test("a bounded map forgets the least used and the old", () => {
  let now = 0;
  const map = new BoundedMap<string, number>({ maxEntries: 2, ttlMs: 100, now: () => now });
  map.set("a", 1);
  map.set("b", 2);
  map.get("a");
  map.set("c", 3);
  expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([1, undefined, 3]);
  now = 101;
  expect(map.get("a")).toBeUndefined();
  expect(map.size).toBe(1);
});

test.each([
  ["3", 3_000],
  ["0.5", 500],
  ["Thu, 01 Jan 1970 00:00:10 GMT", 10_000],
  ["Thu, 01 Jan 1960 00:00:10 GMT", 0],
  ["soon", undefined],
  ["", undefined],
  [undefined, undefined],
])("Retry-After %s is %s ms", (header, expected) => {
  expect(parseRetryAfterMs(header, 0)).toBe(expected);
});
