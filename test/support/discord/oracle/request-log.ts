/** One REST request as the server saw it. Times are wall milliseconds with a fraction. */
export interface RequestEntry {
  readonly id: number;
  readonly method: string;
  /** `/channels/:channel/messages` and the like; the path itself where there is no such route. */
  route: string;
  readonly path: string;
  readonly startedAt: number;
  /** Route and major parameter: what a limit is counted by. */
  bucket?: string;
  channel?: string;
  applicationId?: string;
  endedAt?: number;
  /** HTTP status; absent when no answer was sent. */
  status?: number;
  /** Discord's JSON error code. */
  code?: number;
  /** The injected fault that hit this request. */
  fault?: string;
  retryAfterMs?: number;
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

/** What a 429 silences: one bucket, or everything. */
export type LimitScope = "user" | "global" | "shared";

const INVALID_WINDOW_MS = 600_000;
const EVERYTHING = "*";

/** Every REST request with its timing and outcome; tells who did not honour retry_after, and counts what leads to a ban. */
export class RequestLog {
  readonly entries: RequestEntry[] = [];
  readonly #record: boolean;
  readonly #closed = new Map<string, { until: number; limitedBy: RequestEntry }>();
  readonly #early: EarlyCall[] = [];
  readonly #invalidAt: number[] = [];
  #ids = 0;

  /** With `record` false only the counters and the early calls are kept, for long benchmarks. */
  constructor(record: boolean) {
    this.#record = record;
  }

  begin(method: string, path: string): RequestEntry {
    this.#ids += 1;
    const entry: RequestEntry = { id: this.#ids, method, route: path, path, startedAt: now() };
    if (this.#record) this.entries.push(entry);
    return entry;
  }

  /** Called once the bucket is known: finds out whether the caller should have been waiting. */
  checkPatience(entry: RequestEntry, isExempt: boolean): void {
    for (const lane of isExempt ? [entry.bucket ?? ""] : [entry.bucket ?? "", EVERYTHING]) {
      const closed = this.#closed.get(lane);
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
  limited(entry: RequestEntry, scope: LimitScope, retryAfterMs: number): void {
    entry.retryAfterMs = retryAfterMs;
    const lane = scope === "global" ? EVERYTHING : (entry.bucket ?? "");
    this.#closed.set(lane, { until: now() + retryAfterMs, limitedBy: entry });
  }

  end(entry: RequestEntry, status: number | undefined, scope?: LimitScope): void {
    entry.endedAt = now();
    if (status === undefined) return;
    entry.status = status;
    // A limit that others used up is nobody's fault.
    if (status === 401 || status === 403 || (status === 429 && scope !== "shared")) this.#invalidAt.push(now());
  }

  /** Requests of the last 10 min that count towards the ban at 10,000: 401, 403 and 429 without shared limits. */
  invalidRequests(): number {
    const since = now() - INVALID_WINDOW_MS;
    while ((this.#invalidAt[0] ?? since) < since) this.#invalidAt.shift();
    return this.#invalidAt.length;
  }

  /** Requests that ignored a retry_after. Those that came within `inFlightMs` (default 50) of the 429 were already on their way and do not count. */
  callsBeforeRetryAfter(options: { inFlightMs?: number } = {}): EarlyCall[] {
    const inFlightMs = options.inFlightMs ?? 50;
    return this.#early.filter((call) => call.afterLimitMs > inFlightMs);
  }

  /** How many requests there were, to one route (`POST /channels/:channel/messages`) or to all. */
  count(route?: string): number {
    return route === undefined ? this.#ids : this.of(route).length;
  }

  of(route: string): RequestEntry[] {
    return this.entries.filter((entry) => `${entry.method} ${entry.route}` === route);
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
