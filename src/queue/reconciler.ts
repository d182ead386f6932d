import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../contracts/logger.ts";
import { OutageLog } from "./outage-log.ts";

export const RECONCILE_EVERY_MS = 5_000;
/** Spreads the sweeps of many processes; a share of the interval, either way. */
const JITTER = 0.2;

export interface ReconcilerOptions {
  /** Default 5 000. */
  readonly everyMs?: number;
  /** Finds conversations with due rows that nobody works on: their ids, or how many it has dealt with by itself. */
  readonly findDue: () => Promise<number | readonly string[]>;
  readonly ring: (conversationIds: readonly string[]) => Promise<void>;
  readonly logger: Logger;
}

export interface Reconciler {
  /** Begins to sweep, the first time after one interval; safe to call twice. */
  start(): void;
  /** Sweeps now, or joins the sweep under way; resolves with the number of conversations found, rejects as `findDue` and `ring` do. */
  sweep(): Promise<number>;
  /** Milliseconds since the last sweep that succeeded, undefined before the first. */
  sinceLastSweepMs(): number | undefined;
  /** Resolves when no sweep is under way and none will begin. */
  stop(): Promise<void>;
}

/** Looks for due work at intervals and rings for it, never two sweeps at once; a failure is logged once per outage and tried again. */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const everyMs = options.everyMs ?? RECONCILE_EVERY_MS;
  const outage = new OutageLog(options.logger, "reconciler");
  const stopping = new AbortController();
  let underWay: Promise<number> | undefined;
  let loop: Promise<void> | undefined;
  let lastSweepAt: number | undefined;

  async function sweepOnce(): Promise<number> {
    const due = await options.findDue();
    const found = typeof due === "number" ? due : due.length;
    if (typeof due !== "number" && due.length > 0) await options.ring(due);
    lastSweepAt = performance.now();
    return found;
  }

  async function sweep(): Promise<number> {
    underWay ??= sweepOnce().finally(() => {
      underWay = undefined;
    });
    return await underWay;
  }

  async function run(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      const waitMs = everyMs * (1 + JITTER * (2 * Math.random() - 1));
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await sweep();
        outage.succeeded();
      } catch (error) {
        outage.failed(error);
      }
    }
  }

  return {
    start() {
      loop ??= run();
    },
    sweep,
    sinceLastSweepMs: () => (lastSweepAt === undefined ? undefined : performance.now() - lastSweepAt),
    async stop() {
      stopping.abort();
      await loop;
      await underWay?.catch(() => undefined);
    },
  };
}
