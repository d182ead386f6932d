import { asSchema, type Tool, type ToolSet, tool } from "ai";
import type { TurnTool } from "../../src/contracts/turn-tool.ts";
import { describeThrown } from "../shared/describe-fault.ts";
import { findParleyError } from "../shared/error-causes.ts";
import type { ToolApprovals } from "./approvals.ts";
import type { Approve } from "./config.ts";
import { type ModelTool, ToolFailure } from "./tool-call.ts";
import type { ToolClock } from "./tool-clock.ts";

const MAX_TOOL_OUTPUT_CHARS = 60_000;

/** What the tools of one turn share. */
export interface ToolTurn {
  readonly approvals: ToolApprovals;
  readonly clock: ToolClock;
  readonly signal: AbortSignal;
}

/** Tools that do nothing but ask people: asking whether they may be asked helps nobody. */
const ONLY_ASKS: ReadonlySet<string> = new Set(["request_approval"]);

/** Guarantees Parley's own tools as the model may call them, under names every provider takes. */
export function fromTurnTools(tools: readonly TurnTool[], approve: Approve): readonly ModelTool[] {
  return tools.map((entry) => ({
    name: entry.name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64),
    description: entry.description,
    input: asSchema(entry.input),
    needsApproval:
      !ONLY_ASKS.has(entry.name) && (approve === "always" || (approve === "writes" && entry.effect === "write")),
    execute: (input, signal) => entry.execute(input, signal),
  }));
}

/** Guarantees tools in the form of the AI SDK: the first of a name stands, consent is asked for first, and results are cut to a size a model can read. */
export function toToolSet(tools: readonly ModelTool[], turn: ToolTurn): ToolSet {
  const set: Record<string, Tool> = {};
  for (const entry of tools)
    if (entry.name !== "" && set[entry.name] === undefined) set[entry.name] = toTool(entry, turn);
  return set;
}

function toTool(entry: ModelTool, { approvals, clock, signal }: ToolTurn): Tool {
  return tool({
    description: entry.description,
    inputSchema: entry.input,
    execute: async (input: unknown) => {
      const end = clock.begin();
      try {
        if (entry.needsApproval) await approvals.demand(entry.name, input, signal);
        return bounded(await entry.execute(input, signal));
      } catch (thrown) {
        throw toToolFailure(thrown);
      } finally {
        end();
      }
    },
  });
}

/** The model reads why; only what is known to hold no text of others is told. */
function toToolFailure(thrown: unknown): ToolFailure {
  if (thrown instanceof ToolFailure)
    return new ToolFailure(thrown.outcome, thrown.message.slice(0, MAX_TOOL_OUTPUT_CHARS).toWellFormed());
  const own = findParleyError(thrown);
  const words = own !== undefined ? `${own.code}: ${own.row.userText}` : `the tool failed (${describeThrown(thrown)})`;
  return new ToolFailure("error", words);
}

function bounded(value: unknown): unknown {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
  if (text.length <= MAX_TOOL_OUTPUT_CHARS) return value;
  return { truncated: true, beginning: text.slice(0, MAX_TOOL_OUTPUT_CHARS).toWellFormed() };
}
