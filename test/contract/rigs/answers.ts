import { z } from "zod";
import type { TurnTool } from "../../../src/contracts/turn-tool.ts";

/** The answer that scripted agents give to "answer": two pieces of text, a tool call with its result, and a last word. */
export const GOOD_EVENTS = [
  { type: "text_delta", markdown: "Hello " },
  { type: "text_delta", markdown: "there." },
  { type: "part", part: { type: "tool_call", toolCallId: "call_1", name: "lookup", input: "{}" } },
  { type: "part", part: { type: "tool_result", toolCallId: "call_1", name: "lookup", outcome: "ok", output: "found" } },
  { type: "text_delta", markdown: "Done." },
  { type: "done" },
] as const;

export const GOOD_SUMMARY: readonly string[] = [
  "text:Hello there.",
  "tool_call:lookup",
  "tool_result:lookup",
  "text:Done.",
  "done:end",
];

export const LOOKUP_TOOL: TurnTool = {
  name: "lookup",
  description: "Looks something up",
  input: z.strictObject({}),
  execute: async () => "found",
};

/** Pieces of a text, so that answers of turns at once interleave. */
export function pieces(text: string): string[] {
  return text.match(/.{1,4}/g) ?? [];
}

/** The marker of a turn within what an agent was given. */
export function markerIn(text: string): string {
  return /marker-\d+-of-\d+/.exec(text)?.[0] ?? "no marker";
}

/** A short pause that differs from call to call. */
export function unevenPauses(): () => Promise<void> {
  let count = 0;
  return () => {
    count += 1;
    return new Promise((resolve) => setTimeout(resolve, (count * 7) % 5));
  };
}
