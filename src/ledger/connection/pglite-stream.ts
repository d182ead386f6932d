import { Duplex } from "node:stream";
import type { PGlite } from "@electric-sql/pglite";

/**
 * The wire between node-postgres and a PGlite in the same process: what the client writes is answered before the write returns.
 *
 * Speaking the protocol instead of calling `PGlite.query` gives both backends the same driver, hence the same value and
 * row types, prepared statements (an insert takes 0.09 ms instead of 0.19 ms) and notifications that arrive with the answer
 * of the statement that sent them, so that none is lost.
 */
export class PgliteStream extends Duplex {
  readonly #pglite: PGlite;

  constructor(pglite: PGlite) {
    super({ decodeStrings: true });
    this.#pglite = pglite;
  }

  /** node-postgres calls this as on a socket. */
  connect(): void {
    process.nextTick(() => this.emit("connect"));
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, answered: (error: Error | null) => void): void {
    void this.#exchange(chunk).then(answered);
  }

  override _writev(chunks: { chunk: Buffer }[], answered: (error: Error | null) => void): void {
    void this.#exchange(Buffer.concat(chunks.map(({ chunk }) => chunk))).then(answered);
  }

  override _final(ended: () => void): void {
    this.push(null);
    ended();
  }

  async #exchange(message: Buffer): Promise<Error | null> {
    try {
      // The bytes lie in PGlite's memory and must be copied.
      const onRawData = (bytes: Uint8Array): boolean => this.push(Buffer.from(bytes));
      await this.#pglite.execProtocolRawStream(message, { syncToFs: false, onRawData });
      return null;
    } catch (cause) {
      // SQL errors are answers; what is thrown is a trap of the WebAssembly module, after which its memory cannot be trusted.
      return new Error("The embedded database stopped after an internal failure; start Parley again", { cause });
    }
  }
}
