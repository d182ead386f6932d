/** Runs tasks of one key one after another in the order they came; different keys never wait for one another. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key);
    const mine = before === undefined ? task() : before.then(task, task);
    // The tail swallows failures so that one failed task neither stops its successors nor is reported as unhandled.
    const tail = mine.then(ignore, ignore).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return mine;
  }

  /** Keys that have work now; for tests and health. */
  get size(): number {
    return this.#tails.size;
  }
}

function ignore(): void {}
