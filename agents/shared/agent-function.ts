import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import type { ReplyInput, ReplyPartInput } from "../../src/envelope/reply.ts";
import type { ReplyEventInput } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { abandon, raceAbort } from "./abort.ts";
import { describeThrown } from "./describe-fault.ts";

/** Ends the turn without a reply: the agent posts it to `io.replyUrl()` within `deadlineMs`. */
export interface Deferral {
  readonly type: "deferred";
  readonly deadlineMs: number;
}

/** What an agent function may yield: a string grows the open text, anything else is a part or event of the reply. */
export type AgentYield = string | ReplyPartInput | ReplyEventInput | Deferral;
/** What it may return: a last string, part or whole reply, or nothing. */
export type AgentResult = AgentYield | ReplyInput | undefined;
export type AgentReturn = AgentResult | void;

/**
 * An agent written as a function: it gets one turn and answers by yielding and returning.
 *
 * It shares the process with Parley, so it must not block the event loop; it should stop when `io.signal` aborts, and is abandoned if it does not.
 */
export type AgentFunction = (
  request: TurnRequest,
  io: TurnIo,
) => AsyncIterable<AgentYield, AgentReturn> | Iterable<AgentYield, AgentReturn> | Promise<AgentReturn> | AgentReturn;

/** Guarantees the function it was given, with its argument and result types checked. */
export function defineAgent<Run extends AgentFunction>(run: Run): Run {
  return run;
}

/**
 * Guarantees the raw events of one run, ended by `done` when the function returns; they are not validated here.
 *
 * Whatever the function throws becomes AGENT_CRASHED without its message; a ParleyError that is the agent's fault passes.
 */
export async function* runAgentFunction(run: AgentFunction, request: TurnRequest, io: TurnIo): AsyncGenerator<unknown> {
  const outcome: unknown = call(() => run(request, io));
  if (isIterable(outcome)) {
    const iterator =
      Symbol.asyncIterator in outcome ? outcome[Symbol.asyncIterator]() : toAsync(outcome[Symbol.iterator]());
    try {
      for (;;) {
        const step = await settle(iterator.next(), io.signal);
        yield* toEvents(step.value);
        if (step.done === true) break;
      }
    } finally {
      abandon(iterator);
    }
  } else {
    yield* toEvents(await settle(Promise.resolve(outcome), io.signal));
  }
  yield { type: "done", stopReason: "end" };
}

function call<T>(step: () => T): T {
  try {
    return step();
  } catch (thrown) {
    throw crashOf(thrown);
  }
}

async function settle<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return raceAbort(
    pending.catch((thrown: unknown) => {
      throw crashOf(thrown);
    }),
    signal,
  );
}

function crashOf(thrown: unknown): ParleyError {
  if (thrown instanceof ParleyError) {
    return thrown.row.fault === "agent"
      ? thrown
      : new ParleyError("AGENT_CRASHED", { detail: `the agent's function failed with ${thrown.code}` });
  }
  return new ParleyError("AGENT_CRASHED", { detail: `the agent's function threw: ${describeThrown(thrown)}` });
}

function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

function toAsync(iterator: Iterator<unknown>): AsyncIterator<unknown> {
  return {
    next: async () => iterator.next(),
    return: async () => iterator.return?.() ?? { done: true, value: undefined },
  };
}

const EVENT_TYPES = new Set<unknown>(["text_delta", "part", "done", "deferred"]);

function* toEvents(value: unknown): Generator<unknown> {
  if (value === undefined || value === null) {
    // Yielding nothing still counts as an event, or a loop that does it would escape every limit.
    yield { type: "text_delta", markdown: "" };
  } else if (typeof value === "string") {
    yield* toDeltas(value);
  } else if (typeof value === "object" && "parts" in value && Array.isArray(value.parts)) {
    for (const part of value.parts) yield { type: "part", part };
  } else if (typeof value === "object" && "type" in value && EVENT_TYPES.has(value.type)) {
    yield value;
  } else {
    yield { type: "part", part: value };
  }
}

const MAX_DELTA_CHARS = 65_536;

function* toDeltas(text: string): Generator<unknown> {
  for (let start = 0; start === 0 || start < text.length; start += MAX_DELTA_CHARS) {
    yield { type: "text_delta", markdown: text.slice(start, start + MAX_DELTA_CHARS) };
  }
}
