import type { TurnTool } from "../../src/contracts/turn-tool.ts";

/** Whether a turn waits for one of its tools, or did since it was looked at last: then its silence says nothing about its agent. */
export interface WatchedTools {
  readonly tools: readonly TurnTool[];
  readonly isWaiting: () => boolean;
}

/** Guarantees the same tools, and to know whether one of them is at work. */
export function watchTools(tools: readonly TurnTool[]): WatchedTools {
  let atWork = 0;
  let hasWorked = false;
  return {
    tools: tools.map((tool) => ({
      ...tool,
      async execute(input, signal) {
        atWork += 1;
        try {
          return await tool.execute(input, signal);
        } finally {
          atWork -= 1;
          hasWorked = true;
        }
      },
    })),
    isWaiting: () => {
      const isSo = atWork > 0 || hasWorked;
      hasWorked = false;
      return isSo;
    },
  };
}
