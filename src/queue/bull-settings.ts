import type { QueueOptions, WorkerOptions } from "bullmq";

/** A ring must not hold intake up: after this the queue counts as away. */
export const CALL_TIMEOUT_MS = 450;
/** In the same process nothing can be away, only busy. */
export const EMBEDDED_CALL_TIMEOUT_MS = 5_000;

export const DEFAULT_CONCURRENCY = 8;
export const DEFAULT_DRAIN_MS = 10_000;
/** What close() gives BullMQ after the handlers have ended, and again after connections were dropped. */
export const CLOSE_TIMEOUT_MS = 1_500;

/** Nobody reads BullMQ's event stream; its default keeps 10 000 entries. */
const KEPT_EVENTS = 100;

export const QUEUE_OPTIONS = {
  streams: { events: { maxLen: KEPT_EVENTS } },
} satisfies Omit<QueueOptions, "connection">;

/**
 * After a crash a bell is heard again within lockDuration + 2 x stalledInterval, 9 s; BullMQ's defaults would be 90 s.
 * https://docs.bullmq.io/guide/workers/stalled-jobs
 */
export const WORKER_OPTIONS = {
  lockDuration: 5_000,
  stalledInterval: 2_000,
  // A bell is not to blame for a crash of its worker: the ledger counts attempts per message.
  maxStalledCount: 1_000_000,
  // How long a worker sleeps without a wake-up; a wake-up that got lost costs this at most, the reconciler less.
  drainDelay: 5,
  // How long after a lost connection it looks again; the default is 15 s.
  runRetryDelay: 500,
} satisfies Omit<WorkerOptions, "connection">;
