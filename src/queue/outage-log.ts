import type { Logger } from "../contracts/logger.ts";

const REPEAT_AFTER_MS = 60_000;
/** How long a refused write counts although reads work; a worker tries again within drainDelay, 5 s. */
const REFUSED_WRITE_MS = 10_000;
/** Redis out of memory, unable to persist, or a replica: it answers questions and takes no jobs. */
const REFUSED_WRITE = /\b(OOM|MISCONF|READONLY|NOREPLICAS)\b/;

/** Logs an outage once when it begins and once when it ends, however many calls fail in between; reminds once a minute. */
export class OutageLog {
  readonly #logger: Logger;
  readonly #what: string;
  #since: number | undefined;
  #lastLogged = 0;
  #lastFailed = 0;
  #failures = 0;
  #detail: string | undefined;

  /** `what` begins the log lines, as in "queue". */
  constructor(logger: Logger, what: string) {
    this.#logger = logger;
    this.#what = what;
  }

  /** Why it is away, undefined when it is not. */
  get detail(): string | undefined {
    return this.#since === undefined ? undefined : this.#detail;
  }

  failed(error: unknown): void {
    const now = performance.now();
    this.#detail = error instanceof Error ? error.message : String(error);
    this.#failures += 1;
    this.#lastFailed = now;
    const begins = this.#since === undefined;
    this.#since ??= now;
    if (!begins && now - this.#lastLogged < REPEAT_AFTER_MS) return;
    this.#lastLogged = now;
    const fields = { reason: this.#detail, failures: this.#failures, awayMs: Math.round(now - this.#since) };
    this.#logger.warn(fields, `${this.#what} is away; work waits in the ledger`);
  }

  /** A read worked, which ends an outage unless writes were refused a moment ago. */
  answered(): void {
    const refused = REFUSED_WRITE.test(this.#detail ?? "") && performance.now() - this.#lastFailed < REFUSED_WRITE_MS;
    if (!refused) this.succeeded();
  }

  succeeded(): void {
    if (this.#since === undefined) return;
    const fields = { failures: this.#failures, awayMs: Math.round(performance.now() - this.#since) };
    this.#since = undefined;
    this.#failures = 0;
    this.#logger.info(fields, `${this.#what} is back`);
  }
}
