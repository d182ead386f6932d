import { expect, it } from "vitest";
import { runBodiesTrial } from "../../support/hostile/bodies-trial.ts";

/** Security rule R12 in short; `npm run measure -- hostile-bodies` is the whole of it. */
it("R12: takes what Slack says while strangers drip and flood, and does not grow by it", {
  timeout: 240_000,
}, async () => {
  const { flood, ...trial } = await runBodiesTrial({ drips: 300, streams: 30, floodMs: 8_000 });
  expect(trial.events).toBeGreaterThan(20);
  expect(trial).toMatchObject({ rejected: 0, lost: 0, wrongAnswers: [] });
  expect(trial.grownMib).toBeLessThan(128);
  // On a machine that does much else, against the same work without the flood.
  expect(trial.p99Ms).toBeLessThan(Math.max(1_000, 3 * trial.calmP99Ms));
  expect(flood.putOut).toBeGreaterThan(100);
  // Kernel buffers on both sides hold a few MiB beside what Parley reads.
  expect(flood.longestBytes).toBeLessThan(32 * 1024 ** 2);
});
