import { type AgentFunction, defineAgent } from "../../../agents/shared/agent-function.ts";
import type { ToolAccess, TurnIo, TurnRequest } from "../../../src/contracts/connector.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";

/** What a turn of the agent was given and got, for a test to look at. */
export interface ToolTurnSeen {
  readonly request: TurnRequest;
  readonly names: readonly string[];
  readonly results: JsonValue[];
  readonly access: ToolAccess | undefined;
  readonly io: TurnIo;
}

export interface ToolAgent {
  readonly run: AgentFunction;
  readonly seen: ToolTurnSeen[];
  /** Lets turns that said `wait` go on. */
  letGo(): void;
}

/**
 * An agent that does as its trigger says, line by line: `call NAME {"…":…}` calls a tool and keeps its result, `say …` says it, `both NAME {…}` calls it
 * twice at once, `wait` waits for `letGo`. `$message` stands for the id of the trigger, `$at` for an
 * @ that names nobody yet.
 */
export function createToolAgent(): ToolAgent {
  const seen: ToolTurnSeen[] = [];
  let waiting: (() => void)[] = [];
  return {
    seen,
    letGo() {
      for (const go of waiting) go();
      waiting = [];
    },
    run: defineAgent(async function* (request, io) {
      const names = io.tools.map(({ name }) => name);
      const turn: ToolTurnSeen = { request, names, results: [], access: io.toolAccess?.(), io };
      seen.push(turn);
      for (const line of request.trigger.text.split("\n")) {
        const [, word, rest = ""] = /(?:^|\s)(say|call|both|wait)\b ?(.*)$/u.exec(line) ?? [];
        if (word === "say") yield `${rest}\n`;
        else if (word === "wait") await new Promise<void>((resolve) => waiting.push(resolve));
        else if (word === "call" || word === "both") {
          const [, name = "", json = ""] = /^(\S+) ?(.*)$/u.exec(rest) ?? [];
          const input: unknown = JSON.parse(
            (json || "{}").replaceAll("$message", request.trigger.messageId).replaceAll("$at", "@"),
          );
          const calls = Array.from({ length: word === "both" ? 2 : 1 }, () => call(io, name, input));
          turn.results.push(...(await Promise.all(calls)));
        }
      }
    }),
  };
}

async function call(io: TurnIo, name: string, input: unknown): Promise<JsonValue> {
  const tool = io.tools.find((one) => one.name === name);
  if (tool === undefined) return { missing: name };
  return await tool.execute(input, io.signal);
}
