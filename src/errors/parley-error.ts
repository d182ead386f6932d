import { type DeliveryCertainty, ERROR_CODES, type ErrorCode, type ErrorRow } from "./codes.ts";

export interface ParleyErrorOptions {
  /** What precisely is wrong and what to do about it, for operators; never message text, never secrets. */
  readonly detail?: string;
  readonly cause?: unknown;
  /** For retry `after`: how long the other side asked to wait, in ms. */
  readonly retryAfterMs?: number;
  /** Overrides the table's certainty where the call site knows better (a timeout before any byte left). */
  readonly delivery?: DeliveryCertainty;
  /** Allow-listed facts for logs: ids, counts, sizes. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

/** The one error class: everything that can fail says by its code whose fault it is, what may be repeated and what is certain. */
export class ParleyError extends Error {
  override readonly name = "ParleyError";
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly delivery: DeliveryCertainty;
  readonly facts: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, options: ParleyErrorOptions = {}) {
    const row = ERROR_CODES[code];
    super(
      `${code}: ${options.detail ?? row.userText}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.detail = options.detail;
    this.retryAfterMs = options.retryAfterMs;
    this.delivery = options.delivery ?? row.delivery;
    this.facts = options.facts ?? {};
  }

  get row(): ErrorRow {
    return ERROR_CODES[this.code];
  }
}

/** Guarantees a ParleyError for anything thrown; what is unknown becomes `fallback` with the thrown value as cause. */
export function toParleyError(thrown: unknown, fallback: ErrorCode = "INVARIANT_BROKEN"): ParleyError {
  if (thrown instanceof ParleyError) return thrown;
  const detail =
    thrown instanceof Error ? `${thrown.name}: ${thrown.message}`.slice(0, 500) : String(thrown).slice(0, 500);
  return new ParleyError(fallback, { cause: thrown, detail });
}
