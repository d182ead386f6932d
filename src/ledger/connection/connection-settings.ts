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
