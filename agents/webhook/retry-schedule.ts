import { z } from "zod";
import type { RetrySchedule } from "../../src/contracts/connector.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Pauses after the first attempt and each further one. Rules: Standard Webhooks 1.0, "retry schedule". */
export const STANDARD_PAUSES_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** How turns wait for an address that cannot be reached. `pausesMs` default: those of Standard Webhooks; none: such a turn fails at once. */
export const RetryConfig = z.strictObject({
  pausesMs: z.array(z.number().int().min(100).max(86_400_000)).max(20).optional(),
  /** From a pause of this length on people are told that the answer comes later, in ms. Default: 30 s. */
  tellFromMs: z.number().int().min(0).max(86_400_000).optional(),
  /** The agent is paused once no call has reached it for this long, in ms. Default: as long as all pauses together. */
  disableAfterMs: z.number().int().min(1_000).max(2_592_000_000).optional(),
});
export type RetryConfig = z.infer<typeof RetryConfig>;

/** Guarantees the schedule of an address: the standard one, but for what its configuration says otherwise. */
export function toRetrySchedule(config: RetryConfig = {}): RetrySchedule {
  const pausesMs = config.pausesMs ?? STANDARD_PAUSES_MS;
  const wholeMs = pausesMs.reduce((sum, pauseMs) => sum + pauseMs, 0);
  return {
    pausesMs,
    tellFromMs: config.tellFromMs ?? 30 * SECOND_MS,
    disableAfterMs: config.disableAfterMs ?? Math.max(wholeMs, HOUR_MS),
  };
}
