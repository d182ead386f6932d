const FIRST_SIZE_BYTES = 16_384;

/** Guarantees one copy of bytes that come in pieces: an answer sent byte by byte must not cost an object per byte. */
export class ByteBuffer {
  #bytes = new Uint8Array(FIRST_SIZE_BYTES);
  #length = 0;

  push(piece: Uint8Array): void {
    const needed = this.#length + piece.byteLength;
    if (needed > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = needed;
  }

  /** Guarantees what was pushed since the last call; the view is valid until the next push. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
