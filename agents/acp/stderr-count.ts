/** What an agent wrote to its error stream, without its words: those may be of people or secret. */
export interface StderrSummary {
  readonly bytes: number;
  readonly lines: number;
  /** System and Node error codes that occurred in it, such as `ENOENT`; at most five. */
  readonly codes: readonly string[];
}

const MAX_CODES = 5;
/** What is looked through for codes, in bytes; the rest is counted alone. */
const MAX_READ_BYTES = 65_536;
const CODE =
  /\b(?:E(?:ACCES|ADDRINUSE|AI_AGAIN|CONNREFUSED|CONNRESET|EXIST|MFILE|NOENT|NOSPC|PERM|PIPE|TIMEDOUT)|ERR_[A-Z_]{3,40})\b/g;

/** Counts an error stream in constant memory. */
export class StderrCount {
  #bytes = 0;
  #lines = 0;
  readonly #codes = new Set<string>();

  push(bytes: Uint8Array): void {
    if (this.#bytes < MAX_READ_BYTES) {
      const text = Buffer.from(bytes.subarray(0, MAX_READ_BYTES)).toString("latin1");
      for (const [code] of text.matchAll(CODE)) if (this.#codes.size < MAX_CODES) this.#codes.add(code);
    }
    this.#bytes += bytes.byteLength;
    for (const byte of bytes) if (byte === 0x0a) this.#lines += 1;
  }

  summary(): StderrSummary {
    return { bytes: this.#bytes, lines: this.#lines, codes: [...this.#codes] };
  }
}
