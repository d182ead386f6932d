/** How a bell is rung. */
export interface RingOptions {
  /** Not before this many ms from now. Default 0. */
  readonly delayMs?: number;
}

/** What the queue says of itself; `detail` names the reason when it is not ok. */
export interface QueueHealth {
  readonly ok: boolean;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
  readonly latencyMs: number;
  readonly detail?: string;
}

/**
 * Says that conversations have work, and carries their ids alone: losing every bell is a delay, because the ledger holds the work
 * and the reconciler rings again.
 *
 * A bell that is rung is heard at least once, by one worker of any process, after the ring. Bells may be merged, doubled and
 * reordered: whoever hears one takes the conversation's lease in the ledger and works off what is due.
 */
export interface Doorbell {
  /**
   * Resolves when the bell will be heard: the queue has it, or this process's own handler. Calls made while an earlier one is under
   * way share one job.
   *
   * @throws ParleyError QUEUE_UNAVAILABLE within 500 ms when the queue is away (on PGlite, within 5 s when it is overloaded).
   */
  ring(conversationIds: readonly string[], options?: RingOptions): Promise<void>;

  /** Rings and never throws; a lost bell is logged once per outage and left to the reconciler. */
  ringQuietly(conversationIds: readonly string[], options?: RingOptions): void;

  /**
   * Sets who hears the bells of this process; call it once, before `start`. The handler gets each id once per call. It runs up to
   * `concurrency` times at once for bells of the queue and as often for bells rung in this process, perhaps for the same
   * conversation. What it throws is logged and not repeated.
   */
  onBell(handler: (conversationIds: readonly string[]) => Promise<void>): void;

  /**
   * Connects, and hears bells when `worker` is set. A queue that is away does not fail it: it keeps trying and `health` says so.
   *
   * @throws ParleyError QUEUE_CONFIG_REFUSED when the queue answers and is not fit, with the cure.
   */
  start(roles: { readonly worker: boolean }): Promise<void>;

  /** Resolves always, within 500 ms (PGlite: 5 s). */
  health(): Promise<QueueHealth>;

  /** Stops hearing, waits up to `drainMs` (default 10 000) for handlers, and resolves at most 3 s later whatever the queue does. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}
