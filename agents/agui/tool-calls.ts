import { createHash } from "node:crypto";
import { type ContentPart, contentToText } from "@ag-ui/core";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { CallMade } from "./open-question.ts";
import { toShown } from "./shown-arguments.ts";

/** Most tool calls of one run; an agent that makes more is stuck or was talked into it. */
const MAX_CALLS = 100;
/** Most tool calls that are shown one by one; a reply has 50 parts, and the answer needs room. */
const MAX_SHOWN = 15;
const MAX_ARGUMENT_CHARS = 262_144;

interface Call {
  readonly id: string;
  readonly name: string;
  args: string;
  isComplete: boolean;
  isShown: boolean;
  hasResult: boolean;
  /** The agent said more after it: it did not wait for its result. */
  wentOn: boolean;
}

/** Collects the tool calls of a run, shows them as parts, and knows which of them have no result. */
export class ToolCalls {
  readonly #calls = new Map<string, Call>();
  /** Names of calls of an earlier run whose results come in this one. */
  readonly #earlier: ReadonlyMap<string, string>;
  #argumentChars = 0;
  #newest: string | undefined;

  constructor(earlier: readonly CallMade[]) {
    this.#earlier = new Map(earlier.map(({ id, name }) => [id, name]));
  }

  start(id: string, name: string): void {
    this.#newest = id;
    if (this.#calls.has(id)) return;
    if (this.#calls.size >= MAX_CALLS)
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `the run has more than ${MAX_CALLS} tool calls` });
    this.#calls.set(id, { id, name, args: "", isComplete: false, isShown: false, hasResult: false, wentOn: false });
  }

  add(id: string, delta: string): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#argumentChars += delta.length;
    if (this.#argumentChars > MAX_ARGUMENT_CHARS)
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", {
        detail: `tool calls have more than ${MAX_ARGUMENT_CHARS} characters of arguments`,
      });
    call.args += delta;
  }

  /** A piece of a call that names its call at its first piece only. */
  *chunk(id: string | undefined, name: string | undefined, delta: string): Generator<ReplyPartInput> {
    const wanted = id ?? this.#newest;
    if (wanted === undefined) return;
    if (this.#newest !== undefined && wanted !== this.#newest) yield* this.end(this.#newest);
    if (name !== undefined) this.start(wanted, name);
    this.add(wanted, delta);
  }

  *end(id: string): Generator<ReplyPartInput> {
    const call = this.#calls.get(id);
    if (call === undefined || call.isComplete) return;
    call.isComplete = true;
    yield* this.#show(call);
  }

  *result(id: string, content: string | ContentPart[], hasFailed: boolean): Generator<ReplyPartInput> {
    const call = this.#calls.get(id);
    const name = call?.name ?? this.#earlier.get(id);
    if (call !== undefined) {
      yield* this.end(id);
      if (call.hasResult) return;
      call.hasResult = true;
    }
    if (name === undefined || call?.isShown === false) return;
    const output = toShown(contentToText(content));
    yield {
      type: "tool_result",
      toolCallId: shortId(id),
      name: label(name),
      outcome: hasFailed ? "error" : "ok",
      output,
    };
  }

  /** Ends the calls that are still open, as the end of a run or words after them do. */
  *endAll(): Generator<ReplyPartInput> {
    for (const id of this.#calls.keys()) yield* this.end(id);
    this.#newest = undefined;
  }

  /** The agent goes on without waiting for what has no result yet. */
  goOn(): void {
    for (const call of this.#calls.values()) if (!call.hasResult) call.wentOn = true;
  }

  /** The calls that somebody else must answer: those the run names, else those without a result that it ended with. */
  unresolved(named: readonly string[] | undefined): CallMade[] {
    const calls = [...this.#calls.values()].filter((call) => !call.hasResult);
    return (
      named === undefined ? calls.filter((call) => !call.wentOn) : calls.filter(({ id }) => named.includes(id))
    ).map(toCallMade);
  }

  /** Whether this run made the call and has not heard its result. */
  isWaiting(id: string): boolean {
    return this.#calls.get(id)?.hasResult === false;
  }

  find(id: string): CallMade | undefined {
    const call = this.#calls.get(id);
    return call === undefined ? undefined : toCallMade(call);
  }

  *#show(call: Call): Generator<ReplyPartInput> {
    if ([...this.#calls.values()].filter(({ isShown }) => isShown).length >= MAX_SHOWN) {
      yield { type: "status", text: `Using ${label(call.name)}`.slice(0, 256) };
      return;
    }
    call.isShown = true;
    yield { type: "tool_call", toolCallId: shortId(call.id), name: label(call.name), input: toShown(call.args) };
  }
}

function toCallMade({ id, name, args }: Call): CallMade {
  return { id, name, arguments: args === "" ? "{}" : args };
}

function label(name: string): string {
  return name.trim() === "" ? "a tool" : name.slice(0, 128);
}

function shortId(id: string): string {
  return /^[\w.:-]{1,128}$/.test(id) ? id : createHash("sha256").update(id).digest("hex");
}
