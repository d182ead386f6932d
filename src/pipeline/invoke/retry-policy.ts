import type { ParleyError } from "../../errors/parley-error.ts";

/** Pauses before the second and third attempt of a turn whose agent could not be reached, in ms. */
const PAUSES_MS = [1_000, 4_000] as const;

/** How long to wait before a failed turn is tried again, or undefined when it has failed for good. Pure. */
export function retryDelayMs(error: ParleyError, attempt: number, remainingMs: number): number | undefined {
  if (error.row.retry === "never") return undefined;
  const pauseMs = PAUSES_MS[attempt - 1];
  if (pauseMs === undefined) return undefined;
  const waitMs = Math.max(pauseMs, error.retryAfterMs ?? 0);
  return waitMs < remainingMs ? waitMs : undefined;
}
