import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../contracts/logger.ts";
import { ParleyError, toParleyError } from "../errors/parley-error.ts";
import { BellBatch } from "./bell-batch.ts";
import { type BellJob, bellJobs, parseBell } from "./bell-jobs.ts";
import type { BellQueue, BellWorker, BullBackend } from "./bull-backend.ts";
import { CLOSE_TIMEOUT_MS, DEFAULT_DRAIN_MS, WORKER_OPTIONS } from "./bull-settings.ts";
import { settlesWithin, withDeadline } from "./deadline.ts";
import { LocalBell } from "./local-bell.ts";
import { OutageLog } from "./outage-log.ts";
import type { Doorbell, QueueHealth, RingOptions } from "./queue-port.ts";

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 2_000;
/** How long a queue or worker may take to find its tables or load its scripts. */
const READY_TIMEOUT_MS = 5_000;

type BellHandler = (conversationIds: readonly string[]) => Promise<void>;

export interface BullDoorbellOptions {
  readonly backend: BullBackend;
  readonly concurrency: number;
  /** Whether a process that hears bells hands itself the ones that it rings. */
  readonly localFirst: boolean;
  readonly logger: Logger;
}

/** The doorbell over BullMQ: one queue of bells, and a worker in processes that hear them. */
export class BullDoorbell implements Doorbell {
  readonly #backend: BullBackend;
  readonly #concurrency: number;
  readonly #localFirst: boolean;
  readonly #logger: Logger;
  readonly #outage: OutageLog;
  readonly #batch = new BellBatch((ids) => this.#send(ids, 0));
  readonly #closing = new AbortController();
  #handler: BellHandler | undefined;
  #queue: BellQueue | undefined;
  #worker: BellWorker | undefined;
  #local: LocalBell | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: BullDoorbellOptions) {
    this.#backend = options.backend;
    this.#concurrency = options.concurrency;
    this.#localFirst = options.localFirst;
    this.#logger = options.logger;
    this.#outage = new OutageLog(options.logger, "queue");
  }

  async ring(conversationIds: readonly string[], options: RingOptions = {}): Promise<void> {
    const delayMs = options.delayMs ?? 0;
    // Delayed rings are rare and each has its own time: they do not wait for one another.
    if (delayMs > 0) await this.#send(conversationIds, delayMs);
    else if (this.#local?.take(conversationIds) !== true) await this.#batch.add(conversationIds);
  }

  ringQuietly(conversationIds: readonly string[], options: RingOptions = {}): void {
    this.ring(conversationIds, options).catch(() => undefined);
  }

  onBell(handler: BellHandler): void {
    this.#handler = handler;
  }

  async start(roles: { readonly worker: boolean }): Promise<void> {
    if (roles.worker) this.#requireHandler();
    try {
      await this.#open(roles.worker);
    } catch (error) {
      if (error instanceof ParleyError && error.code === "QUEUE_CONFIG_REFUSED") {
        await this.close({ drainMs: 0 });
        throw error;
      }
      this.#outage.failed(error);
      void this.#openLater(roles.worker);
    }
    if (roles.worker && this.#localFirst) this.#local = this.#openLocal();
  }

  async health(): Promise<QueueHealth> {
    const started = performance.now();
    const none = { waiting: 0, active: 0, delayed: 0, failed: 0 };
    try {
      const queue = this.#openedQueue();
      const counted = queue.getJobCounts("waiting", "active", "delayed", "failed");
      const counts = await withDeadline(counted, this.#backend.callTimeoutMs, "counting the queue's jobs");
      this.#outage.answered();
      const { detail } = this.#outage;
      const active = (counts["active"] ?? 0) + (this.#local?.running ?? 0);
      const known = { ...none, ...counts, active, latencyMs: performance.now() - started };
      return detail === undefined ? { ok: true, ...known } : { ok: false, ...known, detail };
    } catch (error) {
      this.#outage.failed(error);
      const detail = toParleyError(error, "QUEUE_UNAVAILABLE").detail ?? "no reason given";
      return { ok: false, ...none, latencyMs: performance.now() - started, detail };
    }
  }

  async close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.drainMs ?? DEFAULT_DRAIN_MS);
    await this.#closed;
  }

  async #close(drainMs: number): Promise<void> {
    // BullMQ's close waits for the handlers, and for a connection, for as long as they take.
    const drained = Promise.all([this.#worker?.close(), this.#local?.idle()]);
    const left = this.#local?.close() ?? [];
    // Other processes hear them sooner than this one's successor would find them.
    if (left.length > 0) await this.#send(left, 0).catch(() => undefined);
    this.#closing.abort();
    if (!(await settlesWithin(drained, drainMs + CLOSE_TIMEOUT_MS))) {
      this.#logger.warn({ drainMs }, "queue: closing without waiting any longer for bells that are being worked on");
    }
    const queue = this.#queue?.close();
    if (queue !== undefined) await settlesWithin(queue, CLOSE_TIMEOUT_MS);
    this.#backend.close();
  }

  async #send(ids: readonly string[], delayMs: number): Promise<void> {
    const jobs = bellJobs(ids, delayMs, Date.now());
    if (jobs.length === 0) return;
    try {
      const queue = this.#openedQueue();
      await withDeadline(add(queue, jobs), this.#backend.callTimeoutMs, "ringing");
    } catch (error) {
      this.#outage.failed(error);
      throw toParleyError(error, "QUEUE_UNAVAILABLE");
    }
    this.#outage.succeeded();
  }

  #openedQueue(): BellQueue {
    const away = this.#closing.signal.aborted ? "the queue is closed" : this.#backend.awayBecause();
    if (this.#queue !== undefined && away === undefined) return this.#queue;
    const detail = away ?? this.#outage.detail ?? "the queue is not open yet";
    throw new ParleyError("QUEUE_UNAVAILABLE", { detail });
  }

  /** Opens what is not open yet; all or nothing, so that it can be tried again. */
  async #open(hears: boolean): Promise<void> {
    await this.#backend.prepare();
    const queue = this.#backend.openQueue();
    queue.on("error", (error) => this.#onError(error));
    const worker = hears ? this.#openWorker() : undefined;
    try {
      await withDeadline(queue.waitUntilReady(), READY_TIMEOUT_MS, "opening the queue");
      if (worker !== undefined) await withDeadline(worker.waitUntilReady(), READY_TIMEOUT_MS, "opening the worker");
      this.#closing.signal.throwIfAborted();
    } catch (error) {
      // BullMQ remembers a failed start for ever: the next attempt needs new ones.
      const parts = worker === undefined ? [queue] : [queue, worker];
      await Promise.all(parts.map((part) => settlesWithin(part.close(), CLOSE_TIMEOUT_MS)));
      throw toParleyError(error, "QUEUE_UNAVAILABLE");
    }
    this.#queue = queue;
    this.#worker = worker;
    worker?.run().catch((error: unknown) => this.#onError(error));
    this.#outage.succeeded();
  }

  #openLocal(): LocalBell {
    const onFailed = (error: unknown): void => this.#onHandlerFailed(error);
    return new LocalBell({ slots: this.#concurrency, handler: this.#requireHandler(), onFailed });
  }

  #requireHandler(): BellHandler {
    if (this.#handler !== undefined) return this.#handler;
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a worker was started before onBell said who hears it" });
  }

  #openWorker(): BellWorker {
    const handler = this.#requireHandler();
    const options = { ...WORKER_OPTIONS, concurrency: this.#concurrency, autorun: false };
    const worker = this.#backend.openWorker((job) => handler(parseBell(job.data)), options);
    worker.on("error", (error) => this.#onError(error));
    worker.on("failed", (_job, error) => this.#onHandlerFailed(error));
    worker.on("stalled", (jobId) => {
      this.#logger.warn({ jobId }, "queue: a worker stopped while it worked on a bell, which is heard again");
    });
    return worker;
  }

  async #openLater(hears: boolean): Promise<void> {
    const { signal } = this.#closing;
    for (let waitMs = FIRST_RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#open(hears);
        return;
      } catch (error) {
        this.#outage.failed(error);
      }
    }
  }

  #onHandlerFailed(error: unknown): void {
    this.#logger.error({ err: error }, "queue: a bell was heard and its handler failed; the reconciler rings again");
  }

  #onError(error: unknown): void {
    if (!this.#closing.signal.aborted) this.#outage.failed(error);
  }
}

async function add(queue: BellQueue, jobs: readonly BellJob[]): Promise<void> {
  const [first] = jobs;
  if (jobs.length === 1 && first !== undefined) await queue.add(first.name, first.data, first.opts);
  else await queue.addBulk([...jobs]);
}
