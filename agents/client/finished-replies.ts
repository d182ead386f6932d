import type { TurnLog } from "./turn-log.ts";

const MAX_REPLIES = 256;
const MAX_BYTES = 33_554_432;
const MAX_AGE_MS = 3_600_000;

/**
 * Replies that were given, so that a Parley that crashed before it had stored one is given the same reply again and nothing is done twice.
 *
 * At most 256 of them, 32 MiB and an hour old; the oldest go first.
 */
export class FinishedReplies {
  readonly #kept = new Map<string, { readonly log: TurnLog; readonly atMs: number }>();
  #bytes = 0;

  keep(log: TurnLog): void {
    this.take(log.turnId);
    this.#kept.set(log.turnId, { log, atMs: performance.now() });
    this.#bytes += log.bytes;
    this.#shrink();
  }

  take(turnId: string): TurnLog | undefined {
    this.#shrink();
    const found = this.#kept.get(turnId);
    if (found === undefined) return undefined;
    this.#kept.delete(turnId);
    this.#bytes -= found.log.bytes;
    return found.log;
  }

  #shrink(): void {
    for (const [turnId, { log, atMs }] of this.#kept) {
      const isOld = performance.now() - atMs > MAX_AGE_MS;
      if (!isOld && this.#kept.size <= MAX_REPLIES && this.#bytes <= MAX_BYTES) return;
      this.#kept.delete(turnId);
      this.#bytes -= log.bytes;
    }
  }
}
