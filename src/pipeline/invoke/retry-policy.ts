import type { RetrySchedule } from "../../contracts/connector.ts";
import type { ParleyError } from "../../errors/parley-error.ts";

/** Pauses before the second and third attempt of a turn whose agent could not be reached, in ms, where its connector names no schedule. */
const PAUSES_MS = [1_000, 4_000] as const;

/** Times that an agent which dials in may lose one turn before it is given up: one that dies of it would do so for ever. */
const MAX_AWAY_ATTEMPTS = 10;

/** Times that an agent may come back without a turn that it was given: it may have died of it. */
const MAX_FORGOTTEN_ATTEMPTS = 5;
/**
 * From the second time on the turns of one agent are given apart from each other, so that what else it was at when it died is answered
 * meanwhile: longest pause before the third attempt, in ms; it doubles with each more.
 */
const SPREAD_MS = 2_000;

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
  /** Where between none and all of a pause that keeps turns apart this one begins, from 0 to 1. */
  readonly spread: number;
}

/** Whether an error says that a call to the agent came to nothing, as the schedule of its connector sees it. Pure. */
export function isFailedCall(error: ParleyError, schedule: RetrySchedule | undefined): boolean {
  return error.code === "AGENT_UNAVAILABLE" || (schedule !== undefined && error.facts["again"] === true);
}

/** How long to wait before a failed turn is tried again, in ms, or undefined when it has failed for good. Pure. */
export function retryDelayMs(attempt: FailedAttempt): number | undefined {
  const { error, retries, remainingMs, schedule, failingMs } = attempt;
  if (error.facts["disable"] === true) return undefined;
  if (error.row.retry === "never" && !isFailedCall(error, schedule)) return undefined;
  if (error.facts["forgotten"] === true) {
    if (retries + 1 >= MAX_FORGOTTEN_ATTEMPTS) return undefined;
    return retries === 0 ? 0 : Math.round(attempt.spread * SPREAD_MS * 2 ** (retries - 1));
  }
  // Nothing is gained by a pause: the turn waits in its queue until the agent has dialled in again.
  if (error.facts["away"] === true) return retries < MAX_AWAY_ATTEMPTS ? 0 : undefined;
  const pauseMs = (schedule?.pausesMs ?? PAUSES_MS)[retries];
  if (pauseMs === undefined) return undefined;
  const waitMs = Math.max(pauseMs, error.retryAfterMs ?? 0);
  if (schedule === undefined) return waitMs < remainingMs ? waitMs : undefined;
  return failingMs < schedule.disableAfterMs ? waitMs : undefined;
}
