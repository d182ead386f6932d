import { ParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "./abortable-sleep.ts";

/** One bucket of calls: all calls of one method to one channel, or without `channel` to the whole installation. */
export interface CallKey {
  readonly installationId: string;
  readonly method: string;
  readonly channel?: string;
}

/** What a platform's documents allow for one method. */
export interface PacingRule {
  readonly perMinute: number;
  /** How many calls may go out at once after a quiet time. */
  readonly burst: number;
  /** Whether channels have buckets of their own or share the installation's. */
  readonly scope: "channel" | "installation";
}

export interface SendLimiterOptions {
  readonly rules: Readonly<Record<string, PacingRule>>;
  /** False sends as fast as it is asked to; a pause that the platform named is kept all the same. */
  readonly pacing: boolean;
  /** Longest wait inside `acquire`, in ms; a longer one is refused with the pause, so that no worker sits idle. Default 5 000. */
  readonly maxWaitMs?: number;
  readonly now?: () => number;
}

export const DEFAULT_MAX_WAIT_MS = 5_000;
/** Waking later than this means that the process stood still, in ms. */
const MAX_OVERSLEEP_MS = 2_000;
/** Buckets kept before the idle ones are dropped. */
const MAX_BUCKETS = 20_000;

/**
 * Paces calls per (installation, method, channel) and keeps the pauses that platforms name.
 *
 * Calls of one bucket start in the order of their `acquire`; a waiting bucket never holds up another one.
 */
export class SendLimiter {
  readonly #options: SendLimiterOptions;
  readonly #now: () => number;
  /** Per bucket, when the next call is due at an even rate (generic cell rate algorithm). */
  readonly #dueAt = new Map<string, number>();
  readonly #pausedUntil = new Map<string, number>();

  constructor(options: SendLimiterOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Resolves when the call may start; rejects with PLATFORM_RATE_LIMITED when that is too far off, TURN_CANCELLED when aborted. */
  async acquire(key: CallKey, signal?: AbortSignal): Promise<void> {
    let startAt = Math.max(this.#reserve(key), this.#pauseOf(key));
    for (;;) {
      const waitMs = startAt - this.#now();
      if (waitMs <= 0) return;
      if (waitMs > (this.#options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS)) throw rateLimited(key, waitMs);
      await abortableSleep(waitMs, signal);
      // A process that was stopped meanwhile may have been taken for dead, and what it waited with been sent by another.
      if (this.#now() - startAt > MAX_OVERSLEEP_MS)
        throw new ParleyError("LEASE_LOST", { detail: `${key.method} waited while the process stood still` });
      // Another call of this bucket may have been told to wait while this one slept.
      startAt = this.#pauseOf(key);
    }
  }

  /** Takes a call only if it may start now and leaves half of the burst to others; for what may be dropped. */
  tryAcquire(key: CallKey): boolean {
    return this.takePreviewTurn(key) === 0;
  }

  /**
   * Takes a call for an edit of a live preview, which leaves half of the burst to final texts.
   *
   * Gives 0 when it was taken, else the time after which it may be asked again, in ms.
   */
  takePreviewTurn(key: CallKey): number {
    const now = this.#now();
    const pauseMs = this.#pauseOf(key) - now;
    if (pauseMs > 0) return pauseMs;
    const rule = this.#ruleOf(key);
    if (rule === undefined) return 0;
    const bucket = bucketName(key, rule);
    const dueAt = Math.max(this.#dueAt.get(bucket) ?? 0, now);
    const waitMs = dueAt - now - (intervalMs(rule) * rule.burst) / 2;
    if (waitMs > 0) return Math.ceil(waitMs);
    this.#dueAt.set(bucket, dueAt + intervalMs(rule));
    this.#sweep();
    return 0;
  }

  /** Notes that the platform asked for a pause; no call of this bucket starts before its end. */
  pause(key: CallKey, retryAfterMs: number): void {
    const name = keyName(key);
    this.#pausedUntil.set(name, Math.max(this.#pausedUntil.get(name) ?? 0, this.#now() + retryAfterMs));
    this.#sweep();
  }

  /** How much longer the platform wants this bucket to be left alone, in ms; 0 when it does not. */
  pauseMs(key: CallKey): number {
    return Math.max(0, this.#pauseOf(key) - this.#now());
  }

  #reserve(key: CallKey): number {
    const rule = this.#ruleOf(key);
    if (rule === undefined) return 0;
    const now = this.#now();
    const bucket = bucketName(key, rule);
    const dueAt = Math.max(this.#dueAt.get(bucket) ?? 0, now);
    const startAt = dueAt - intervalMs(rule) * (rule.burst - 1);
    if (startAt - now > (this.#options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS)) throw rateLimited(key, startAt - now);
    this.#dueAt.set(bucket, dueAt + intervalMs(rule));
    this.#sweep();
    return startAt;
  }

  #ruleOf(key: CallKey): PacingRule | undefined {
    return this.#options.pacing ? this.#options.rules[key.method] : undefined;
  }

  #pauseOf(key: CallKey): number {
    return this.#pausedUntil.size === 0 ? 0 : (this.#pausedUntil.get(keyName(key)) ?? 0);
  }

  #sweep(): void {
    for (const map of [this.#dueAt, this.#pausedUntil]) {
      if (map.size <= MAX_BUCKETS) continue;
      const now = this.#now();
      for (const [name, at] of map) if (at <= now) map.delete(name);
    }
  }
}

function intervalMs(rule: PacingRule): number {
  return 60_000 / rule.perMinute;
}

function keyName(key: CallKey): string {
  return `${key.installationId}\n${key.method}\n${key.channel ?? ""}`;
}

function bucketName(key: CallKey, rule: PacingRule): string {
  return rule.scope === "channel" ? keyName(key) : `${key.installationId}\n${key.method}`;
}

function rateLimited(key: CallKey, waitMs: number): ParleyError {
  return new ParleyError("PLATFORM_RATE_LIMITED", {
    detail: `${key.method} has to wait`,
    retryAfterMs: Math.ceil(waitMs),
    facts: { method: key.method },
  });
}
