import { type AgentFunction, defineAgent } from "../../../agents/shared/agent-function.ts";
import type { TurnIo, TurnRequest } from "../../../src/contracts/connector.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";
import type { ReplyPartInput } from "../../../src/envelope/reply.ts";

/** What an agent was given and got, for a test to look at. */
export interface Heard {
  readonly request: TurnRequest;
  readonly results: JsonValue[];
  readonly failures: string[];
}

export interface ReadingAgent {
  readonly run: AgentFunction;
  readonly heard: Heard[];
  /** Turns that say "wait" go on only then. */
  letGo(): void;
}

/** Calls a tool as a model would: by name, with whatever arguments. */
export async function callTool(io: TurnIo, name: string, input: JsonValue): Promise<JsonValue> {
  const tool = io.tools.find((one) => one.name === name);
  if (tool === undefined) throw new Error(`there is no tool ${name}`);
  return await tool.execute(tool.input.parse(input), io.signal);
}

/**
 * An agent that does as its trigger says, line by line: `tool {"…":…}` calls a tool, `say …` says it, `wait` waits for `letGo`, `tell` says all it got, `part {"…":…}` yields a part.
 */
export function createReadingAgent(): ReadingAgent {
  const heard: Heard[] = [];
  let waiting: (() => void)[] = [];
  return {
    heard,
    letGo() {
      for (const go of waiting) go();
      waiting = [];
    },
    run: defineAgent(async function* (request, io) {
      const turn: Heard = { request, results: [], failures: [] };
      heard.push(turn);
      for (const line of request.trigger.text.split("\n")) {
        const [, word = "", rest = ""] =
          /^.*?\b(say|wait|tell|part|conversation_history|conversation_search|conversations|schedule|post|document_write)\b ?(.*)$/u.exec(
            line,
          ) ?? [];
        if (word === "say") yield `${rest}\n`;
        else if (word === "part")
          yield JSON.parse(rest) as ReplyPartInput; // a test's own words
        else if (word === "tell") yield `I have read: ${JSON.stringify(turn.results)}\n`;
        else if (word === "wait") await new Promise<void>((resolve) => waiting.push(resolve));
        else if (word !== "")
          await callTool(io, word, JSON.parse(rest === "" ? "{}" : rest) as JsonValue).then(
            (result) => turn.results.push(result),
            (error: unknown) => turn.failures.push(String(error)),
          );
      }
    }),
  };
}
