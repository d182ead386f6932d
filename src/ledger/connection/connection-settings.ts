/** Bounds that hold for every statement of the ledger and of the queue; one place, because both pools use them. */
export const DEFAULT_POOL_SIZE = 10;
/** BullMQ's share: one LISTEN connection and a few short statements at a time. */
export const QUEUE_POOL_SIZE = 5;
export const CONNECT_TIMEOUT_MS = 5_000;
export const STATEMENT_TIMEOUT_MS = 15_000;
export const IDLE_IN_TRANSACTION_MS = 5_000;
export const MAX_CLOCK_SKEW_MS = 60_000;
export const MIN_SERVER_MAJOR = 14;
export const APPLICATION_NAME = "parley";

/**
 * Plans that do not depend on how large the tables were when a statement was first planned: every session keeps its plans, and
 * one that was made on empty tables reads a whole table for each message once they have grown. All lookups of the ledger have
 * an index, so joins go through it row by row, whatever the statistics say.
 * https://www.postgresql.org/docs/current/runtime-config-query.html
 */
export const PLANNER_SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ["plan_cache_mode", "force_generic_plan"],
  ["enable_seqscan", "off"],
  ["enable_hashjoin", "off"],
  ["enable_mergejoin", "off"],
  // Index scans pass over dead entries once and then skip them; bitmap scans read them again each time.
  ["enable_bitmapscan", "off"],
  ["jit", "off"],
];
