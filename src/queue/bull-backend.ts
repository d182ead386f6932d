import type { JobsOptions, WorkerOptions } from "bullmq";

/** What the doorbell uses of BullMQ's `Queue`, whichever store is behind it. */
export interface BellQueue {
  add(name: string, data: unknown, opts: JobsOptions): Promise<unknown>;
  addBulk(jobs: { name: string; data: unknown; opts: JobsOptions }[]): Promise<unknown>;
  getJobCounts(...states: ("waiting" | "active" | "delayed" | "failed")[]): Promise<Record<string, number>>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** What the doorbell uses of BullMQ's `Worker`. */
export interface BellWorker {
  run(): Promise<void>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "failed", listener: (job: unknown, error: Error) => void): unknown;
  on(event: "stalled", listener: (jobId: string) => void): unknown;
}

export type BellProcessor = (job: { readonly data: unknown }) => Promise<void>;
export type BellWorkerOptions = Omit<WorkerOptions, "connection" | "prefix">;

/** Where BullMQ keeps its jobs: the ledger's database or a Redis. */
export interface BullBackend {
  readonly kind: "pglite" | "postgres" | "redis";
  /** How long one call may take before the queue counts as away, in ms. */
  readonly callTimeoutMs: number;

  /**
   * Makes the store ready for a queue; may be called again after it failed.
   *
   * @throws ParleyError QUEUE_CONFIG_REFUSED when it answers and is not fit, QUEUE_UNAVAILABLE when it does not answer.
   */
  prepare(): Promise<void>;

  /** Why a call would fail now, as far as that is known without calling. */
  awayBecause(): string | undefined;

  openQueue(): BellQueue;
  openWorker(processor: BellProcessor, options: BellWorkerOptions): BellWorker;

  /** Drops, at once, every connection that is its own. */
  close(): void;
}
