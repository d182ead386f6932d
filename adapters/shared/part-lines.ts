import type { ReplyPart } from "../../src/envelope/reply.ts";

const OUTCOME_SIGNS = { ok: "✓", error: "✗", denied: "⊘" } as const;
const TASK_SIGNS = { pending: "○", in_progress: "◐", completed: "●", failed: "✗", cancelled: "–" } as const;

/** One tool as people see it: its newest title and how it ended; `…` while it runs. Plain text, not yet escaped. */
export interface ToolLine {
  readonly name: string;
  readonly sign: string;
}

/** Folds calls and results into every tool call once, in the order in which they appeared. */
export function foldTools(parts: readonly ReplyPart[]): readonly ToolLine[] {
  const tools = new Map<string, ToolLine>();
  for (const part of parts) {
    if (part.type === "tool_call") tools.set(part.toolCallId, { name: part.title ?? part.name, sign: "…" });
    if (part.type === "tool_result") {
      const known = tools.get(part.toolCallId);
      tools.set(part.toolCallId, { name: known?.name ?? part.name, sign: OUTCOME_SIGNS[part.outcome] });
    }
  }
  return [...tools.values()];
}

/** Between the tools of one line. */
export const TOOL_GLUE = " · ";

/** Every tool call once, with how it ended, to be joined by `TOOL_GLUE`. Plain text, not yet escaped. */
export function toolPieces(parts: readonly ReplyPart[]): readonly string[] {
  return foldTools(parts).map(({ name, sign }, index) => `${index === 0 ? "🔧 " : ""}${name} ${sign}`);
}

/** `🔧 search ✓ · fetch ✗`: every tool call once, with how it ended. Plain text, not yet escaped. */
export function toolLine(parts: readonly ReplyPart[]): string {
  return toolPieces(parts).join(TOOL_GLUE);
}

/** One line per task with its newest state, in the order in which the tasks appeared. Plain text, not yet escaped. */
export function taskLines(parts: readonly ReplyPart[]): readonly string[] {
  const tasks = new Map<string, string>();
  for (const part of parts)
    if (part.type === "task_update")
      tasks.set(
        part.taskId,
        `${TASK_SIGNS[part.state]} ${part.title}${part.detail === undefined ? "" : `: ${part.detail}`}`,
      );
  return [...tasks.values()];
}
