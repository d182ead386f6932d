import { ParleyError } from "../../src/errors/parley-error.ts";

/** Deepest nesting an answer may have; a reply part with its options needs six. */
export const MAX_JSON_DEPTH = 32;
/** Most values one answer may hold: enough for 50 parts with every option and field, far from what blows up a parser. */
export const MAX_JSON_VALUES = 50_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;

/**
 * Guarantees that JSON which passed through `push` is cheap to parse: it looks at the bytes as they come and refuses deep nesting
 * and floods of values at once.
 *
 * Errors speak of `what` was read. JSON.parse takes more than a second and many times the memory for megabytes of `[`; the size of a body alone bounds neither.
 */
export class JsonGuard {
  readonly #what: string;
  #depth = 0;
  #values = 0;
  #isInString = false;
  #isEscaped = false;

  constructor(what = "answer") {
    this.#what = what;
  }

  push(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#isInString) this.#inString(byte);
      else this.#outside(byte);
    }
  }

  #inString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#isInString = false;
  }

  #outside(byte: number): void {
    if (byte === QUOTE) {
      this.#isInString = true;
    } else if (byte === COMMA) {
      this.#countValue();
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#countValue();
      this.#depth += 1;
      if (this.#depth > MAX_JSON_DEPTH) {
        throw new ParleyError("AGENT_REPLY_INVALID", {
          detail: `the ${this.#what} is nested deeper than ${MAX_JSON_DEPTH} levels`,
        });
      }
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      this.#depth -= 1;
    }
  }

  #countValue(): void {
    this.#values += 1;
    if (this.#values > MAX_JSON_VALUES) {
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", {
        detail: `the ${this.#what} holds more than ${MAX_JSON_VALUES} values`,
      });
    }
  }
}

/** Guarantees that the text was guarded before it is parsed; throws AGENT_REPLY_INVALID for what is not JSON. */
export function parseGuardedJson(text: string): unknown {
  const guard = new JsonGuard();
  guard.push(Buffer.from(text));
  return parseJson(text);
}

/** Parses JSON that a JsonGuard let through; throws AGENT_REPLY_INVALID, which speaks of `what` and does not quote it. */
export function parseJson(text: string, what = "answer"): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: `the ${what} is not JSON (${text.length} characters)` });
  }
}
