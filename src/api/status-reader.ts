import type { Operations, SystemStatus } from "../contracts/operations.ts";

const DEFAULT_MAX_AGE_MS = 1_000;
const DEFAULT_TIMEOUT_MS = 3_000;

export type StatusReading = { readonly status: SystemStatus } | { readonly problem: string };

/**
 * Guarantees an answer within `timeoutMs` and at most one look at the ledger at a time, however many probes ask.
 *
 * A reading is shared for `maxAgeMs`.
 */
export function createStatusReader(
  operations: Pick<Operations, "status">,
  { maxAgeMs = DEFAULT_MAX_AGE_MS, timeoutMs = DEFAULT_TIMEOUT_MS }: { maxAgeMs?: number; timeoutMs?: number } = {},
): () => Promise<StatusReading> {
  let last: { readonly at: number; readonly reading: StatusReading } | undefined;
  let underWay: Promise<StatusReading> | undefined;

  const look = async (): Promise<StatusReading> => {
    try {
      const reading = { status: await operations.status() };
      last = { at: performance.now(), reading };
      return reading;
    } catch (error) {
      return {
        problem: error instanceof Error ? error.message.split("\n", 1).join("").slice(0, 300) : "unknown error",
      };
    } finally {
      underWay = undefined;
    }
  };

  return async () => {
    if (last !== undefined && performance.now() - last.at < maxAgeMs) return last.reading;
    underWay ??= look();
    const { promise: late, resolve } = Promise.withResolvers<StatusReading>();
    const timer = setTimeout(
      () => resolve({ problem: `the state could not be read within ${timeoutMs} ms` }),
      timeoutMs,
    );
    try {
      return await Promise.race([underWay, late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
