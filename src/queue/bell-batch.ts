interface Batch {
  readonly ids: Set<string>;
  readonly sent: PromiseWithResolvers<void>;
}

/**
 * Merges rings: while one send is under way, whatever is rung waits in one batch, which is sent when the answer comes. No fixed
 * wait, so a lone ring goes out at once and a storm costs one job per round trip.
 */
export class BellBatch {
  readonly #send: (ids: readonly string[]) => Promise<void>;
  #waiting: Batch | undefined;
  #sending = false;

  constructor(send: (ids: readonly string[]) => Promise<void>) {
    this.#send = send;
  }

  /** Resolves or rejects with the send that carried these ids. */
  async add(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    this.#waiting ??= { ids: new Set(), sent: Promise.withResolvers() };
    const batch = this.#waiting;
    for (const id of ids) batch.ids.add(id);
    if (!this.#sending) void this.#sendAll();
    await batch.sent.promise;
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    try {
      for (let batch = this.#waiting; batch !== undefined; batch = this.#waiting) {
        this.#waiting = undefined;
        try {
          await this.#send([...batch.ids]);
          batch.sent.resolve();
        } catch (error) {
          batch.sent.reject(error);
        }
      }
    } finally {
      this.#sending = false;
    }
  }
}
