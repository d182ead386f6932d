import type { ResumeEntry } from "@ag-ui/core";
import type { TurnRequest } from "../../src/contracts/connector.ts";
import { toAnswer } from "./answer-shape.ts";
import type { AgentMemory } from "./memory.ts";
import { type CallMade, hasExpired, type OpenQuestion } from "./open-question.ts";

/** What a run has beyond the conversation: the answers to what the run before it waits for. */
export interface Continuation {
  /** The message of this turn goes along; an answer stands for itself. */
  readonly withTrigger: boolean;
  readonly resume: readonly ResumeEntry[];
  /** LangGraph's command; absent where nothing asks for it. */
  readonly command?: { readonly resume: unknown; readonly interruptEvent?: unknown };
  readonly calls: readonly CallMade[];
  readonly results: readonly { readonly call: string; readonly content: string }[];
}

/** What is to be done with a turn: a run, or an answer of the connector's own because there is nothing to run yet. */
export type NextStep =
  | { readonly kind: "run"; readonly continuation: Continuation }
  | { readonly kind: "say"; readonly text: string; readonly ask?: OpenQuestion; readonly memory: AgentMemory };

const FRESH: Continuation = { withTrigger: true, resume: [], calls: [], results: [] };

/**
 * Decides what a turn is for an agent that may wait for answers. Pure.
 *
 * A choice or form answers its question; once all questions of a run are answered one run carries all answers. A message answers the one
 * question that asks for words; any other message calls the open questions off, since a server takes no input while it waits.
 */
export function nextStep(request: TurnRequest, memory: AgentMemory, nowMs: number): NextStep {
  const { action } = request.trigger;
  if (action !== undefined) return answered(memory, action, nowMs);
  const open = memory.open.filter((question) => !hasExpired(question, nowMs));
  const [only, ...others] = open;
  if (only === undefined) return { kind: "run", continuation: FRESH };
  if (others.length === 0 && only.shape.kind === "text" && request.trigger.sender.kind === "human")
    return { kind: "run", continuation: withAnswers([{ ...only, answered: { payload: request.trigger.text } }]) };
  return { kind: "run", continuation: calledOff(open) };
}

function answered(memory: AgentMemory, action: NonNullable<TurnRequest["trigger"]["action"]>, nowMs: number): NextStep {
  const question = memory.open.find((open) => open.actionId === action.actionId);
  if (question === undefined || question.answered !== undefined)
    return { kind: "say", text: "This question is not open any more.", memory };
  if (hasExpired(question, nowMs)) {
    const open = memory.open.filter((other) => other !== question);
    return { kind: "say", text: "This question has expired.", memory: { ...memory, open } };
  }
  const answer = toAnswer(question.shape, action);
  if ("problem" in answer) return { kind: "say", text: answer.problem, ask: question, memory };
  const open = memory.open.map((other) => (other === question ? { ...other, answered: answer } : other));
  const left = open.filter((other) => other.answered === undefined && !hasExpired(other, nowMs)).length;
  if (left === 0) return { kind: "run", continuation: withAnswers(open) };
  const text = left === 1 ? "Noted. One more question is open." : `Noted. ${left} more questions are open.`;
  return { kind: "say", text, memory: { ...memory, open } };
}

/** All answers of one run, each in the style of its question. */
function withAnswers(open: readonly OpenQuestion[]): Continuation {
  const commands = open.filter(({ style, answered }) => style === "command" && answered !== undefined);
  return {
    withTrigger: false,
    resume: open
      .filter(({ style }) => style === "resume")
      .map(({ id, answered }) =>
        answered === undefined
          ? { interruptId: id, status: "cancelled" }
          : { interruptId: id, status: "resolved", payload: answered.payload },
      ),
    ...(commands.length === 0 ? {} : { command: toCommand(commands) }),
    calls: callsOf(open),
    results: open
      .filter(({ style }) => style === "tool_call")
      .map(({ id, answered }) => ({ call: id, content: contentOf(answered?.payload ?? { status: "cancelled" }) })),
  };
}

function toCommand(questions: readonly OpenQuestion[]): NonNullable<Continuation["command"]> {
  const [only] = questions;
  if (questions.length === 1 && only !== undefined) {
    const { value } = only;
    return { resume: only.answered?.payload, ...(value === undefined ? {} : { interruptEvent: value }) };
  }
  const payloads = questions.map(({ answered }) => answered?.payload);
  // Several at once are told apart by LangGraph's own ids.
  return questions.every(({ id }) => id !== "")
    ? { resume: Object.fromEntries(questions.map(({ id }, index) => [id, payloads[index]])) }
    : { resume: payloads };
}

/** Nobody answered, and somebody says something else. A question of the legacy style stays the server's to ask again. */
function calledOff(open: readonly OpenQuestion[]): Continuation {
  const calls = open.filter(({ style }) => style === "tool_call");
  return {
    withTrigger: true,
    resume: open.filter(({ style }) => style === "resume").map(({ id }) => ({ interruptId: id, status: "cancelled" })),
    calls: callsOf(open.filter(({ style }) => style !== "command")),
    results: calls.map(({ id }) => ({ call: id, content: contentOf({ status: "cancelled" }) })),
  };
}

function callsOf(open: readonly OpenQuestion[]): CallMade[] {
  const calls = open.flatMap(({ call }) => (call === undefined ? [] : [call]));
  return [...new Map(calls.map((call) => [call.id, call])).values()];
}

function contentOf(payload: unknown): string {
  return typeof payload === "string" ? payload : (JSON.stringify(payload) ?? "");
}
