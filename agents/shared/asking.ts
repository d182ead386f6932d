import type { TurnRequests } from "../../src/contracts/turn-requests.ts";

/** Whether a turn waits for people, or did since it was looked at last: then its silence says nothing about its agent. */
export interface Asking {
  /** The same questions, counted while they are open; undefined where nobody can be asked. */
  readonly requests: TurnRequests | undefined;
  readonly isWaiting: () => boolean;
}

/** Guarantees to know whether a question of this turn is open. */
export function watchQuestions(requests: TurnRequests | undefined): Asking {
  let open = 0;
  let hasWaited = false;
  if (requests === undefined) return { requests, isWaiting: () => false };
  return {
    requests: {
      async ask(part, options) {
        open += 1;
        try {
          return await requests.ask(part, options);
        } finally {
          open -= 1;
          hasWaited = true;
        }
      },
    },
    // The agent has its whole time from the answer on, and not what people left of it.
    isWaiting: () => {
      const isSo = open > 0 || hasWaited;
      hasWaited = false;
      return isSo;
    },
  };
}
