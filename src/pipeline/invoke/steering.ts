import type { TranscriptMessage } from "../../contracts/connector.ts";

/** Hands messages that arrive during a turn to its agent, each once, and remembers which ones the agent took. */
export interface Steering {
  push(eventId: string, message: TranscriptMessage): void;
  end(): void;
  readonly messages: AsyncIterable<TranscriptMessage>;
  /** Events whose message the agent has taken. */
  readonly consumed: readonly string[];
}

export function createSteering(): Steering {
  const waiting: { eventId: string; message: TranscriptMessage }[] = [];
  const consumed: string[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  const notify = (): void => {
    wake?.();
    wake = undefined;
  };
  return {
    push(eventId, message) {
      waiting.push({ eventId, message });
      notify();
    },
    end() {
      ended = true;
      notify();
    },
    consumed,
    messages: {
      async *[Symbol.asyncIterator]() {
        while (!ended) {
          const next = waiting.shift();
          if (next === undefined) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
            continue;
          }
          consumed.push(next.eventId);
          yield next.message;
        }
      },
    },
  };
}
