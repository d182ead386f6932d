import { expect, onTestFinished, test } from "vitest";
import { createReconciler, type Reconciler, type ReconcilerOptions } from "../../../src/queue/reconciler.ts";
import { until } from "./doorbells.ts";
import { RecordingLogger } from "./recording-logger.ts";

function make(options: Omit<ReconcilerOptions, "logger">): { reconciler: Reconciler; logger: RecordingLogger } {
  const logger = new RecordingLogger();
  const reconciler = createReconciler({ ...options, logger });
  onTestFinished(() => reconciler.stop());
  return { reconciler, logger };
}

test("rings for what is due, again and again", async () => {
  const rung: (readonly string[])[] = [];
  const { reconciler } = make({
    everyMs: 20,
    findDue: async () => ["a", "b"],
    ring: async (ids) => void rung.push(ids),
  });
  expect(reconciler.sinceLastSweepMs()).toBeUndefined();
  reconciler.start();
  reconciler.start();
  await until(() => rung.length >= 3);
  expect(rung[0]).toEqual(["a", "b"]);
  expect(reconciler.sinceLastSweepMs()).toBeLessThan(1_000);
  await reconciler.stop();
  const count = rung.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(rung).toHaveLength(count);
});

test("never sweeps twice at once, and sweeps asked for meanwhile join the one under way", async () => {
  let running = 0;
  let most = 0;
  let sweeps = 0;
  const { reconciler } = make({
    everyMs: 5,
    findDue: async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 25));
      running -= 1;
      sweeps += 1;
      return 7;
    },
    ring: async () => {
      throw new Error("a count rings nothing");
    },
  });
  reconciler.start();
  const found = await Promise.all(Array.from({ length: 10 }, () => reconciler.sweep()));
  expect(found).toEqual(Array.from({ length: 10 }, () => 7));
  await until(() => sweeps >= 4);
  expect(most).toBe(1);
});

test("goes on after failures and logs an outage once at its beginning and once at its end", async () => {
  let calls = 0;
  const { reconciler, logger } = make({
    everyMs: 5,
    findDue: async () => {
      calls += 1;
      if (calls > 2 && calls < 12) throw new Error("ledger away");
      return [];
    },
    ring: async () => undefined,
  });
  reconciler.start();
  await until(() => calls >= 15);
  expect(logger.lines.map(({ level, message }) => [level, message])).toEqual([
    ["warn", "reconciler is away; work waits in the ledger"],
    ["info", "reconciler is back"],
  ]);
});
