const WINDOW_MS = 60_000;
const MAX_KEPT = 10_000;

/** Counts attempts by key over a minute; a key that is over its limit is told how long to wait. */
export interface AttemptLimit {
  /** How long a key must wait, in ms; undefined while it may try. */
  waitMs(key: string): number | undefined;
  count(key: string): void;
}

/** Guarantees at most `perMinute` counted attempts of a key within a minute, in memory of a bounded size. */
export function createAttemptLimit(perMinute: number, now: () => number = Date.now): AttemptLimit {
  const counted = new Map<string, { sinceMs: number; attempts: number }>();
  return {
    waitMs(key) {
      const entry = counted.get(key);
      if (entry === undefined || entry.attempts < perMinute) return undefined;
      const leftMs = entry.sinceMs + WINDOW_MS - now();
      return leftMs > 0 ? leftMs : undefined;
    },
    count(key) {
      const entry = counted.get(key);
      if (entry !== undefined && now() - entry.sinceMs < WINDOW_MS) {
        entry.attempts += 1;
        return;
      }
      counted.delete(key);
      // The oldest first: whoever begins anew has the youngest entry.
      const [oldest] = counted.keys();
      if (counted.size >= MAX_KEPT && oldest !== undefined) counted.delete(oldest);
      counted.set(key, { sinceMs: now(), attempts: 1 });
    },
  };
}
