import { type Call, type CallMatch, isMatch } from "./call-match.ts";

/** One call that reached the proxy, and what became of it. */
export interface CallEntry extends Call {
  /** By the monotonic clock, in ms. */
  readonly atMs: number;
  readonly body: Buffer;
  /** Of the answer as the caller got it; absent while there is none, or when there never was one. */
  status?: number;
  answer?: Buffer;
}

interface Pause {
  readonly match: CallMatch;
  readonly untilMs: number;
  /** When it was told. */
  readonly fromMs: number;
}

/** Clocks of two processes and the time on the way do not count as too early. */
const GRAIN_MS = 20;

/** Every call in order, and the pauses that were asked for. */
export class CallLog {
  readonly entries: CallEntry[] = [];
  readonly #pauses: Pause[] = [];

  /** Somebody was asked not to call that way for a time. */
  pause(match: CallMatch, retryAfterMs: number): void {
    const fromMs = performance.now();
    this.#pauses.push({ match, fromMs, untilMs: fromMs + retryAfterMs });
  }

  of(match: CallMatch): readonly CallEntry[] {
    return this.entries.filter((entry) => isMatch(entry, match));
  }

  /** Calls that were made although a pause had been asked for and was not over; not those within `inFlightMs` of the word, which were on their way. */
  early({ inFlightMs = GRAIN_MS }: { readonly inFlightMs?: number } = {}): readonly CallEntry[] {
    return this.entries.filter((entry) => this.pausedForMs(entry) > inFlightMs);
  }

  /** How long the pause that a call came into had been asked for, in ms; 0 when there was none. */
  pausedForMs(entry: CallEntry): number {
    const pauses = this.#pauses.filter(
      ({ match, fromMs, untilMs }) => entry.atMs > fromMs && entry.atMs < untilMs - GRAIN_MS && isMatch(entry, match),
    );
    return Math.max(0, ...pauses.map(({ fromMs }) => entry.atMs - fromMs));
  }
}
