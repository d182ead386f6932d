import { EventType } from "@ag-ui/core";
import type { AguiCall, AguiServerEvent } from "./agui-agent.ts";

/** The events of a run between its start and its end. */
export function runOf(
  call: Pick<AguiCall, "input">,
  events: readonly AguiServerEvent[],
  end: object = {},
): AguiServerEvent[] {
  const { threadId, runId } = call.input;
  return [
    { type: EventType.RUN_STARTED, threadId, runId },
    ...events,
    { type: EventType.RUN_FINISHED, threadId, runId, ...end },
  ];
}

/** One message of text, in pieces. */
export function says(messageId: string, ...deltas: string[]): AguiServerEvent[] {
  return [
    { type: EventType.TEXT_MESSAGE_START, messageId, role: "assistant" },
    ...deltas.map((delta) => ({ type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta })),
    { type: EventType.TEXT_MESSAGE_END, messageId },
  ];
}

/** One call of a tool, with its result where it has one. */
export function calls(toolCallId: string, toolCallName: string, args: string, content?: string): AguiServerEvent[] {
  return [
    { type: EventType.TOOL_CALL_START, toolCallId, toolCallName },
    { type: EventType.TOOL_CALL_ARGS, toolCallId, delta: args },
    { type: EventType.TOOL_CALL_END, toolCallId },
    ...(content === undefined
      ? []
      : [{ type: EventType.TOOL_CALL_RESULT, messageId: `${toolCallId}-result`, toolCallId, content, role: "tool" }]),
  ];
}
