import type { TurnIo } from "../../src/contracts/connector.ts";
import { MAX_FRAME_BYTES, type ParleyFrame, REFUSALS } from "../../src/contracts/dial-in-protocol.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeIssues, describeThrown } from "../shared/describe-fault.ts";
import type { TurnFrame } from "./frames.ts";

type ToolCall = Extract<TurnFrame, { type: "tool_call" }>;
type Ask = Extract<TurnFrame, { type: "request" }>;
type Answer = Extract<ParleyFrame, { type: "tool_result" | "request_result" }>;

/** Calls of one turn that may be under way at once. */
const MAX_OPEN_CALLS = 16;
/** Answers of one turn that are kept, for an agent that asks again because a drop took them. */
const MAX_KEPT_ANSWERS = 64;
const MAX_KEPT_CHARS = 2 * MAX_FRAME_BYTES;
/** A result with its frame around it must fit one frame, at up to three bytes a character. */
const MAX_RESULT_CHARS = 300_000;

export interface CallPorts {
  readonly io: Pick<TurnIo, "tools" | "requests">;
  readonly turnId: string;
  readonly signal: AbortSignal;
  /** Sends an answer if the agent is there. */
  readonly answer: (frame: Answer) => void;
  readonly refuse: (code: string, message: string, callId: string) => void;
}

/** What an agent asks for during a turn: each call is carried out once, however often a drop makes the agent send it. */
export class TurnCalls {
  readonly #ports: CallPorts;
  readonly #open = new Set<string>();
  readonly #answers = new Map<string, { readonly frame: Answer; readonly chars: number }>();
  #keptChars = 0;

  constructor(ports: CallPorts) {
    this.#ports = ports;
  }

  /** True while something that is not the agent's doing is waited for. */
  get isWaiting(): boolean {
    return this.#open.size > 0;
  }

  take(frame: ToolCall | Ask): void {
    const { callId } = frame;
    const known = this.#answers.get(callId);
    if (known !== undefined) return this.#ports.answer(known.frame);
    if (this.#open.has(callId)) return;
    if (this.#open.size >= MAX_OPEN_CALLS)
      return this.#ports.refuse(REFUSALS.callRefused, `More than ${MAX_OPEN_CALLS} calls at once.`, callId);
    this.#open.add(callId);
    const work = frame.type === "tool_call" ? this.#call(frame) : this.#ask(frame);
    void work
      .then((answer) => answer && this.#keep(callId, answer))
      .catch((thrown: unknown) => this.#ports.refuse(REFUSALS.callRefused, messageOf(thrown), callId))
      .finally(() => this.#open.delete(callId));
  }

  async #call({ callId, name, input }: ToolCall): Promise<Answer> {
    const { turnId, signal, io } = this.#ports;
    const failed = (message: string): Answer => ({
      type: "tool_result",
      turnId,
      callId,
      ok: false,
      result: { error: message },
    });
    const tool = io.tools.find((one) => one.name === name);
    if (tool === undefined) return failed("there is no such tool in this turn");
    const parsed = tool.input.safeParse(input);
    if (!parsed.success) return failed(`the input does not fit the tool: ${describeIssues(parsed.error)}`);
    try {
      const result = bounded(await tool.execute(parsed.data, signal));
      return { type: "tool_result", turnId, callId, ok: !saysError(result), result };
    } catch (thrown) {
      return failed(messageOf(thrown));
    }
  }

  async #ask({ callId, part, binding }: Ask): Promise<Answer> {
    const { turnId, signal, io } = this.#ports;
    if (io.requests === undefined)
      throw new ParleyError("FEATURE_UNSUPPORTED", { detail: "nobody can be asked in this conversation" });
    const outcome = await io.requests.ask(part, { binding: binding ?? null, signal });
    return { type: "request_result", turnId, callId, outcome };
  }

  #keep(callId: string, frame: Answer): void {
    const chars = JSON.stringify(frame).length;
    this.#answers.set(callId, { frame, chars });
    this.#keptChars += chars;
    for (const [oldest, kept] of this.#answers) {
      if (this.#answers.size <= MAX_KEPT_ANSWERS && this.#keptChars <= MAX_KEPT_CHARS) break;
      if (oldest === callId) break;
      this.#answers.delete(oldest);
      this.#keptChars -= kept.chars;
    }
    this.#ports.answer(frame);
  }
}

/** Tools answer `{ error }` for what did not work: to the agent that is no success, wherever in the tool it was found out. */
function saysError(result: JsonValue): boolean {
  return typeof result === "object" && result !== null && "error" in result && typeof result["error"] === "string";
}

function bounded(value: JsonValue): JsonValue {
  const text = JSON.stringify(value) ?? "null";
  if (text.length <= MAX_RESULT_CHARS) return value;
  return { truncated: true, beginning: text.slice(0, MAX_RESULT_CHARS).toWellFormed() };
}

/** Only what is known to hold no text of others is told. */
function messageOf(thrown: unknown): string {
  return thrown instanceof ParleyError
    ? `${thrown.code}: ${thrown.detail ?? thrown.row.userText}`
    : `it failed (${describeThrown(thrown)})`;
}
