import { raceAbort } from "../shared/abort.ts";

/** One turn at a time per key, in the order in which they asked. */
export class TurnLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Resolves with what lets the next one in, to be called once. Errors: TURN_CANCELLED, AGENT_TIMEOUT when the signal aborts before. */
  async take(key: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const tail = before.then(() => promise);
    this.#tails.set(key, tail);
    const release = (): void => {
      resolve();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    try {
      await raceAbort(before, signal);
      return release;
    } catch (thrown) {
      // Whoever waits behind this one still waits for those before it.
      void before.then(release);
      throw thrown;
    }
  }
}
