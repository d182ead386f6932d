import type { CustomEvent, Interrupt } from "@ag-ui/core";
import { type AnswerShape, isRecord, shapeOfSchema } from "./answer-shape.ts";
import { type AskedQuestion, actionIdOf, type CallMade } from "./open-question.ts";
import { toShown } from "./shown-arguments.ts";

/** Most questions of one run; a conversation cannot take more at once. */
const MAX_QUESTIONS = 10;
/** Most calls of one request for decisions. */
const MAX_CALLS = 50;
const LEGACY_NAME = "on_interrupt";
const PROMPTS = ["message", "question", "prompt", "description", "hint", "text"] as const;

/** A legacy interrupt as it was heard: what is asked, and the server's id of it where it told one. */
export interface LegacyInterrupt {
  readonly value: unknown;
  readonly id: string;
}

/** LangGraph's own way of pausing before the protocol had one; undefined for any other event. */
export function legacyInterrupt({ name, value, rawEvent }: CustomEvent): LegacyInterrupt | undefined {
  if (name !== LEGACY_NAME) return undefined;
  const id = isRecord(rawEvent) && typeof rawEvent["id"] === "string" ? rawEvent["id"] : "";
  return { value: typeof value === "string" ? parsed(value) : value, id };
}

/**
 * What a run that ended waits for, each once. Servers say it in up to three ways, and some in two at once: the structured outcome counts
 * before the legacy event, and that before calls without a result. Pure.
 */
export function questionsOf(
  turnId: string,
  ended: {
    readonly interrupts: readonly Interrupt[];
    readonly legacy: readonly LegacyInterrupt[];
    readonly unresolved: readonly CallMade[];
    readonly call: (toolCallId: string) => CallMade | undefined;
  },
): AskedQuestion[] {
  const asked =
    ended.interrupts.length > 0
      ? ended.interrupts.map((interrupt) => structured(turnId, interrupt, ended.call))
      : ended.legacy.length > 0
        ? ended.legacy.map((interrupt, index) => legacy(turnId, interrupt, index, ended.call))
        : ended.unresolved.map((call) => unresolved(turnId, call));
  const once = new Map(asked.map((question) => [question.open.actionId, question]));
  return [...once.values()].slice(0, MAX_QUESTIONS);
}

function structured(turnId: string, interrupt: Interrupt, find: (id: string) => CallMade | undefined): AskedQuestion {
  const { id, reason, message, toolCallId, responseSchema, expiresAt } = interrupt;
  const call = toolCallId === undefined ? undefined : find(toolCallId);
  const raw = isRecord(interrupt.metadata?.["langgraph"]) ? interrupt.metadata["langgraph"]["raw"] : undefined;
  const fallback: AnswerShape =
    decisionsIn(raw) ??
    (reason === "tool_call" ? { kind: "approved" } : reason === "confirmation" ? { kind: "yes_no" } : { kind: "text" });
  return {
    prompt: message ?? promptIn(raw) ?? (call === undefined ? "" : `May I use ${call.name}?`),
    open: {
      style: "resume",
      id,
      actionId: actionIdOf(turnId, id),
      shape: shapeOfSchema(responseSchema, fallback),
      ...(call === undefined ? {} : { call }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    },
  };
}

function legacy(
  turnId: string,
  { value, id }: LegacyInterrupt,
  index: number,
  find: (id: string) => CallMade | undefined,
): AskedQuestion {
  const toolCallId = isRecord(value) && typeof value["toolCallId"] === "string" ? value["toolCallId"] : undefined;
  const call = toolCallId === undefined ? undefined : find(toolCallId);
  const schema = isRecord(value) ? (value["responseSchema"] ?? value["resumeSchema"]) : undefined;
  return {
    prompt: promptIn(value) ?? (call === undefined ? textOf(value) : `May I use ${call.name}?`),
    open: {
      style: "command",
      id,
      actionId: actionIdOf(turnId, id === "" ? `interrupt ${index}` : id),
      shape:
        decisionsIn(value) ?? shapeOfSchema(typeof schema === "string" ? parsed(schema) : schema, { kind: "text" }),
      value,
      ...(call === undefined ? {} : { call }),
    },
  };
}

function unresolved(turnId: string, call: CallMade): AskedQuestion {
  const given = parsed(call.arguments);
  const confirmation = isRecord(given) && isRecord(given["toolConfirmation"]) ? given["toolConfirmation"] : undefined;
  const original =
    isRecord(given) && isRecord(given["originalFunctionCall"]) ? given["originalFunctionCall"] : undefined;
  const isConfirmation = confirmation !== undefined || call.name === "adk_request_confirmation";
  const schema = isRecord(given) ? (given["response_schema"] ?? given["responseSchema"]) : undefined;
  const hint = promptIn(confirmation) ?? promptIn(given);
  const what = typeof original?.["name"] === "string" ? original["name"] : call.name;
  return {
    prompt: hint ?? (isConfirmation ? `May I use ${what}?` : `What is the result of ${call.name}?`),
    open: {
      style: "tool_call",
      id: call.id,
      actionId: actionIdOf(turnId, call.id),
      shape: isConfirmation ? { kind: "confirmed" } : shapeOfSchema(schema, { kind: "text" }),
      call,
    },
  };
}

/** The request of LangChain's human-in-the-loop: the calls that wait for a decision each. */
function decisionsIn(value: unknown): AnswerShape | undefined {
  const { length } = callsIn(value);
  return length > 0 ? { kind: "decisions", count: length } : undefined;
}

function promptIn(value: unknown): string | undefined {
  if (!isRecord(value)) return undefined;
  const calls = callsIn(value);
  // What is carried out is shown as it is, beside the words that describe it.
  if (calls.length > 0) return calls.map(describeCall).join("\n");
  return PROMPTS.map((name) => value[name]).find(
    (text): text is string => typeof text === "string" && text.trim() !== "",
  );
}

function callsIn(value: unknown): readonly unknown[] {
  const calls = isRecord(value) ? (value["action_requests"] ?? value["actionRequests"]) : undefined;
  return Array.isArray(calls) ? calls.slice(0, MAX_CALLS) : [];
}

function describeCall(call: unknown): string {
  if (!isRecord(call)) return textOf(call);
  const { description } = call;
  const shown = `${textOf(call["name"] ?? call["action"])}(${toShown(call["args"] ?? call["arguments"] ?? {})})`;
  return typeof description === "string" && description.trim() !== "" ? `${description}\n${shown}` : shown;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : toShown(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
