import type { RetrySchedule } from "../../contracts/connector.ts";
import type { ParleyError } from "../../errors/parley-error.ts";

/** Pauses before the second and third attempt of a turn whose agent could not be reached, in ms, where its connector names no schedule. */
const PAUSES_MS = [1_000, 4_000] as const;

/** Times that an agent which dials in may lose one turn before it is given up: one that dies of it would do so for ever. */
const MAX_AWAY_ATTEMPTS = 10;

/** What decides whether a failed turn is tried again. */
export interface FailedAttempt {
  readonly error: ParleyError;
  /** Attempts at it before this one that came to nothing. */
  readonly retries: number;
  /** What is left of the turn's time, in ms; a schedule of the connector's own moves the deadline along. */
  readonly remainingMs: number;
  readonly schedule: RetrySchedule | undefined;
  /** For how long no call has reached the agent, in ms. */
  readonly failingMs: number;
}

/** Whether an error says that a call to the agent came to nothing, as the schedule of its connector sees it. Pure. */
export function isFailedCall(error: ParleyError, schedule: RetrySchedule | undefined): boolean {
  return error.code === "AGENT_UNAVAILABLE" || (schedule !== undefined && error.facts["again"] === true);
}

/** How long to wait before a failed turn is tried again, in ms, or undefined when it has failed for good. Pure. */
export function retryDelayMs({ error, retries, remainingMs, schedule, failingMs }: FailedAttempt): number | undefined {
  if (error.facts["disable"] === true) return undefined;
  if (error.row.retry === "never" && !isFailedCall(error, schedule)) return undefined;
  // Nothing is gained by a pause: the turn waits in its queue until the agent has dialled in again.
  if (error.facts["away"] === true) return retries < MAX_AWAY_ATTEMPTS ? 0 : undefined;
  const pauseMs = (schedule?.pausesMs ?? PAUSES_MS)[retries];
  if (pauseMs === undefined) return undefined;
  const waitMs = Math.max(pauseMs, error.retryAfterMs ?? 0);
  if (schedule === undefined) return waitMs < remainingMs ? waitMs : undefined;
  return failingMs < schedule.disableAfterMs ? waitMs : undefined;
}
