import type { TranscriptMessage } from "../../src/contracts/connector.ts";

/** Messages that arrive during a turn, each given once; ends with the turn. */
export class SteeringQueue implements AsyncIterable<TranscriptMessage> {
  readonly #waiting: TranscriptMessage[] = [];
  #wake: (() => void) | undefined;
  readonly #seen = new Set<string>();
  #isOver = false;

  /** Messages of a turn are sent again after a drop; each is known by its id. */
  push(message: TranscriptMessage): void {
    if (this.#seen.has(message.messageId)) return;
    this.#seen.add(message.messageId);
    this.#waiting.push(message);
    this.#wake?.();
  }

  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TranscriptMessage> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
