import type { TaskUpdatePart, ToolCallPart, ToolResultPart, WebPart } from "../api/parts.ts";

export type PartGroup =
  | { readonly kind: "part"; readonly key: string; readonly part: WebPart }
  | { readonly kind: "tasks"; readonly key: string; readonly tasks: readonly TaskUpdatePart[] }
  | {
      readonly kind: "tool";
      readonly key: string;
      readonly call: ToolCallPart | undefined;
      readonly result: ToolResultPart | undefined;
    };

/**
 * Brings together what reads as one: a tool call with its result, and all updates of tasks as one checklist.
 *
 * The checklist stands where the first update was and shows the newest state of each task; of several status lines the last remains.
 */
export function groupParts(parts: readonly WebPart[]): readonly PartGroup[] {
  const results = new Map<string, ToolResultPart>();
  const tasks = new Map<string, TaskUpdatePart>();
  const called = new Set<string>();
  let lastStatus = -1;
  parts.forEach((part, index) => {
    if (part.type === "tool_result") results.set(part.toolCallId, part);
    else if (part.type === "tool_call") called.add(part.toolCallId);
    else if (part.type === "task_update") tasks.set(part.taskId, part);
    else if (part.type === "status") lastStatus = index;
  });

  let listed = false;
  return parts.flatMap((part, index): PartGroup[] => {
    const key = `${part.type} ${index}`;
    if (part.type === "tool_call") return [{ kind: "tool", key, call: part, result: results.get(part.toolCallId) }];
    if (part.type === "tool_result") {
      return called.has(part.toolCallId) ? [] : [{ kind: "tool", key, call: undefined, result: part }];
    }
    if (part.type === "task_update") {
      if (listed) return [];
      listed = true;
      return [{ kind: "tasks", key, tasks: [...tasks.values()] }];
    }
    return part.type === "status" && index !== lastStatus ? [] : [{ kind: "part", key, part }];
  });
}
