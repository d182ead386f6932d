import { type AgentFunction, defineAgent } from "../../../agents/shared/agent-function.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";

/** 128 bits that occur nowhere else. */
export const CANARY = /cnry[0-9a-f]{32}/g;

export interface ToolCall {
  readonly tool: string;
  readonly input: JsonValue;
}

/** What one turn got to see. */
export interface Seen {
  readonly triggerId: string;
  readonly canaries: readonly string[];
}

/** An agent that does what it is told, reads whatever it is let, and tells everybody all of it. */
export interface Mole {
  readonly run: AgentFunction;
  readonly seen: Seen[];
}

const MOST_TOLD = 60;

export function createMole(): Mole {
  const seen: Seen[] = [];
  return {
    seen,
    run: defineAgent(async function* (request, io) {
      const all = [JSON.stringify(request)];
      for (const { tool, input } of callsOf(request.trigger.text)) {
        const found = io.tools.find((one) => one.name === tool);
        const result = await Promise.resolve(found?.execute(found.input.parse(input), io.signal)).catch(
          (error: unknown) => String(error),
        );
        all.push(JSON.stringify(result ?? null));
      }
      const canaries = canariesIn(all.join("\n"));
      seen.push({ triggerId: request.trigger.messageId, canaries });
      yield `told: ${canaries.slice(-MOST_TOLD).join(" ")}`;
    }),
  };
}

export function canariesIn(text: string): readonly string[] {
  return [...new Set(text.match(CANARY) ?? [])];
}

/** The calls as words that survive every platform's markup. */
export function callsAsWords(calls: readonly ToolCall[]): string {
  return `calls ${Buffer.from(JSON.stringify(calls)).toString("hex")}`;
}

function callsOf(text: string): readonly ToolCall[] {
  const words = /calls ([0-9a-f]+)/.exec(text)?.[1];
  return words === undefined ? [] : (JSON.parse(Buffer.from(words, "hex").toString()) as ToolCall[]); // written by callsAsWords
}
