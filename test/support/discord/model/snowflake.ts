/** First millisecond of 2015 in UTC: where Discord's ids begin to count. */
const EPOCH_MS = 1_420_070_400_000n;

/** Gives out ids in Discord's form: 42 bits of milliseconds since 2015, 22 bits that tell ids of one millisecond apart. */
export class Snowflakes {
  #counter = 0n;
  #newestMs = 0n;

  /** An id of this wall time in ms; ids of equal or later times, asked for later, are greater. */
  next(atMs: number): string {
    this.#counter = (this.#counter + 1n) & 0x3fffffn;
    const ms = BigInt(Math.floor(atMs)) - EPOCH_MS;
    // A full turn of the counter within one millisecond would break the order.
    if (ms > this.#newestMs) {
      this.#newestMs = ms;
      this.#counter = 1n;
    }
    return String((ms << 22n) | this.#counter);
  }
}

/** Negative when the first id is the older one. */
export function compareSnowflakes(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);
}

/** Whether the text can be an id at all. */
export function isSnowflake(text: string): boolean {
  return /^\d{15,20}$/u.test(text);
}
