/** One Web API request as the server saw it. Times are wall milliseconds with a fraction. */
export interface RequestEntry {
  readonly id: number;
  readonly method: string;
  readonly startedAt: number;
  team?: string;
  appId?: string;
  channel?: string;
  endedAt?: number;
  /** HTTP status; absent when no answer was sent. */
  status?: number;
  /** Slack's error code, when `ok` was false. */
  error?: string;
  /** The injected fault that hit this request. */
  fault?: string;
  retryAfterSeconds?: number;
}

/** A request that came although an earlier 429 had said to wait. */
export interface EarlyCall {
  readonly request: RequestEntry;
  /** The 429 that should have been honoured. */
  readonly limitedBy: RequestEntry;
  /** How long before the permitted time it came. */
  readonly earlyByMs: number;
  /** How long after the 429 was answered it came: a few milliseconds may mean that it was already under way. */
  readonly afterLimitMs: number;
}

/** Which requests one 429 silences: all of a method in a workspace, or only those to one channel. */
export type LaneScope = "method" | "channel";

/** Every Web API request with its timing and outcome; tells who did not honour Retry-After. */
export class RequestLog {
  readonly entries: RequestEntry[] = [];
  readonly #record: boolean;
  readonly #closedLanes = new Map<string, { until: number; limitedBy: RequestEntry }>();
  readonly #early: EarlyCall[] = [];
  #ids = 0;

  /** With `record` false only the counters and the early calls are kept, for long benchmarks. */
  constructor(record: boolean) {
    this.#record = record;
  }

  begin(method: string): RequestEntry {
    this.#ids += 1;
    const entry: RequestEntry = { id: this.#ids, method, startedAt: now() };
    if (this.#record) this.entries.push(entry);
    return entry;
  }

  /** Called once team and channel are known: finds out whether the caller should have been waiting. */
  checkPatience(entry: RequestEntry): void {
    if (this.#closedLanes.size === 0) return;
    for (const lane of [laneOf(entry, "method"), laneOf(entry, "channel")]) {
      const closed = this.#closedLanes.get(lane);
      if (closed === undefined || entry.startedAt >= closed.until) continue;
      this.#early.push({
        request: entry,
        limitedBy: closed.limitedBy,
        earlyByMs: closed.until - entry.startedAt,
        afterLimitMs: entry.startedAt - (closed.limitedBy.endedAt ?? closed.limitedBy.startedAt),
      });
      return;
    }
  }

  /** Called when a 429 is answered. */
  limited(entry: RequestEntry, scope: LaneScope, retryAfterSeconds: number): void {
    entry.retryAfterSeconds = retryAfterSeconds;
    const until = now() + retryAfterSeconds * 1000;
    this.#closedLanes.set(laneOf(entry, scope), { until, limitedBy: entry });
  }

  end(entry: RequestEntry, status: number | undefined, error?: string): void {
    entry.endedAt = now();
    if (status !== undefined) entry.status = status;
    if (error !== undefined) entry.error = error;
  }

  /** Requests that ignored a Retry-After. Those that came within `inFlightMs` (default 50) of the 429 were already on their way and do not count. */
  callsBeforeRetryAfter(options: { inFlightMs?: number } = {}): EarlyCall[] {
    const inFlightMs = options.inFlightMs ?? 50;
    return this.#early.filter((call) => call.afterLimitMs > inFlightMs);
  }

  /** How many requests there were, of one method or of all. */
  count(method?: string): number {
    return method === undefined ? this.#ids : this.entries.filter((entry) => entry.method === method).length;
  }

  of(method: string): RequestEntry[] {
    return this.entries.filter((entry) => entry.method === method);
  }
}

function laneOf(entry: RequestEntry, scope: LaneScope): string {
  const lane = `${entry.method}|${entry.team ?? ""}`;
  return scope === "method" ? lane : `${lane}|${entry.channel ?? ""}`;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
