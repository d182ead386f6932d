import { ParleyError } from "../../../src/errors/parley-error.ts";

/** The first failure after which nothing of a device may go on; ends whoever waits at that moment. */
export class Failure {
  error: ParleyError | undefined;
  readonly #ended = new AbortController();
  readonly #waiting = new Set<(error: ParleyError) => void>();

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  fail(error: ParleyError): void {
    if (this.error !== undefined) return;
    this.error = error;
    this.#ended.abort(error);
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** The work's own outcome, or the failure as soon as it is there. */
  guard<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.error !== undefined) return reject(this.error);
      this.#waiting.add(reject);
      void work()
        .then(resolve, (error: unknown) => {
          // A panic of the crypto module: what it holds in memory can no longer be relied on.
          if (error instanceof WebAssembly.RuntimeError)
            this.fail(new ParleyError("INVARIANT_BROKEN", { detail: "the crypto module broke down", cause: error }));
          reject(error);
        })
        .then(() => this.#waiting.delete(reject));
    });
  }
}
