/** Lets one holder in at a time, in the order of asking. */
export class ExclusiveGate {
  #tail: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn; the caller must call the returned function, once or more, to let the next one in. */
  async enter(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const turn = this.#tail;
    this.#tail = promise;
    await turn;
    return resolve;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
