import { type Tool, type ToolSet, tool } from "ai";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { TurnTool } from "../../src/contracts/turn-tool.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeThrown } from "../shared/describe-fault.ts";

const MAX_TOOL_OUTPUT_CHARS = 60_000;

/** Guarantees the turn's tools in the form of the AI SDK, under names every provider takes; results are cut to a size a model can read. */
export function toToolSet(tools: readonly TurnTool[], signal: AbortSignal): ToolSet {
  const set: Record<string, Tool> = {};
  for (const entry of tools) {
    const name = entry.name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64);
    if (name !== "" && set[name] === undefined) set[name] = toTool(entry, signal);
  }
  return set;
}

function toTool(entry: TurnTool, signal: AbortSignal): Tool {
  return tool({
    description: entry.description,
    inputSchema: entry.input,
    execute: async (input: unknown) => {
      try {
        return bounded(await entry.execute(input, signal));
      } catch (thrown) {
        // The model reads why; only what is known to hold no text of others is told.
        throw new Error(
          thrown instanceof ParleyError
            ? `${thrown.code}: ${thrown.row.userText}`
            : `the tool failed (${describeThrown(thrown)})`,
        );
      }
    },
  });
}

function bounded(value: JsonValue): JsonValue {
  const text = JSON.stringify(value) ?? "null";
  if (text.length <= MAX_TOOL_OUTPUT_CHARS) return value;
  return { truncated: true, beginning: text.slice(0, MAX_TOOL_OUTPUT_CHARS).toWellFormed() };
}
