import type { ParleyError } from "../../src/errors/parley-error.ts";
import { ReplyGuard } from "../shared/reply-guard.ts";

/**
 * Events of one turn between an agent that pushes and a reader that pulls.
 *
 * Guarantees that no more waits than a reply may hold: each event is judged as it comes, not as it is read, and text that waits grows in one piece.
 */
export class EventQueue {
  readonly #guard = new ReplyGuard();
  #waiting: unknown[] = [];
  #wake: (() => void) | undefined;
  #failure: ParleyError | undefined;
  #isEnded = false;

  /** Throws AGENT_REPLY_TOO_LARGE or AGENT_REPLY_INVALID for what no reply can hold. */
  push(event: unknown): void {
    if (this.#isEnded) return;
    for (const accepted of this.#guard.accept(event)) {
      const last = this.#waiting.at(-1);
      if (accepted.type === "text_delta" && isDelta(last) && last.markdown.length < 65_536)
        this.#waiting[this.#waiting.length - 1] = { ...last, markdown: last.markdown + accepted.markdown };
      else this.#waiting.push(accepted);
    }
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  fail(error: ParleyError): void {
    this.#failure ??= error;
    this.end();
  }

  async *read(): AsyncGenerator<unknown> {
    for (;;) {
      const ready = this.#waiting;
      this.#waiting = [];
      yield* ready;
      if (this.#waiting.length > 0) continue;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isEnded) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function isDelta(event: unknown): event is { readonly type: "text_delta"; readonly markdown: string } {
  return typeof event === "object" && event !== null && "type" in event && event.type === "text_delta";
}
