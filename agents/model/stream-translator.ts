import { createHash } from "node:crypto";
import type { LanguageModelUsage, TextStreamPart, ToolSet } from "ai";
import type { ReplyEventInput, Usage } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { redactArguments } from "../shared/redact-arguments.ts";
import type { ModelConfig } from "./config.ts";
import { modelFailureToError } from "./errors.ts";
import { ToolFailure } from "./tool-call.ts";
import { sumUsage, toUsage } from "./usage.ts";

/** Most tool calls that are shown one by one; a reply has 50 parts, and the answer needs room. */
const MAX_SHOWN_TOOL_CALLS = 20;
/** Most tool calls of one turn; a model that asks for more is stuck or was talked into it. */
export const MAX_TOOL_CALLS = 100;
const MAX_SHOWN_CHARS = 2_000;
/** Least time between two signs of life while a model reasons, in ms. */
const SIGN_OF_LIFE_MS = 10_000;
/** Least time between two lines of what a model thinks, in ms, and the length of one. */
const THOUGHT_MS = 1_000;
const MAX_THOUGHT_CHARS = 200;

export interface TranslatorOptions {
  readonly modelName: string;
  readonly reasoning?: ModelConfig["reasoning"];
  readonly prices?: ModelConfig["prices"];
}

/** Guarantees reply events for the parts of the AI SDK's stream: text, tool calls and results, signs of life, and an end that is earned. */
export class StreamTranslator {
  readonly #options: TranslatorOptions;
  #finish: { reason: string; raw: string | undefined; usage: LanguageModelUsage } | undefined;
  #shownCalls = new Set<string>();
  #toolCalls = 0;
  #lastSignMs = Date.now();
  #hasOpenText = false;
  #needsBreak = false;
  #hasText = false;
  #thought = "";
  #spent: LanguageModelUsage[] = [];

  constructor(options: TranslatorOptions) {
    this.#options = options;
  }

  /** Parts that say nothing to a reader (step ends, sources, raw chunks) give no event. */
  *translate(part: TextStreamPart<ToolSet>): Generator<ReplyEventInput> {
    if (part.type === "text-delta") yield* this.#text(part.text);
    else if (part.type === "start-step") this.#needsBreak = this.#hasOpenText;
    else if (part.type === "reasoning-start") yield* this.#signOfLife("Thinking", true);
    else if (part.type === "reasoning-delta") yield* this.#think(part.text);
    else if (part.type === "tool-input-start") this.#countToolCall();
    else if (part.type === "tool-input-delta") yield* this.#signOfLife("Preparing a tool call", false);
    else if (part.type === "tool-call") yield* this.#toolCall(part.toolCallId, part.toolName, part.input);
    else if (part.type === "tool-result") yield* this.#toolResult(part.toolCallId, part.toolName, "ok", part.output);
    else if (part.type === "tool-error") yield* this.#toolFailed(part.toolCallId, part.toolName, part.error);
    else if (part.type === "tool-output-denied")
      yield* this.#toolResult(part.toolCallId, part.toolName, "denied", undefined);
    else if (part.type === "finish-step") this.#spent.push(part.usage);
    else if (part.type === "finish")
      this.#finish = { reason: part.finishReason, raw: part.rawFinishReason, usage: part.totalUsage };
    else if (part.type === "error") throw modelFailureToError(part.error);
    else if (part.type === "abort") throw new ParleyError("TURN_CANCELLED");
  }

  /** Guarantees the turn's `done`; throws AGENT_CRASHED when the model never said that it had finished. */
  *end(): Generator<ReplyEventInput> {
    const finish = this.#finish;
    if (
      finish === undefined ||
      finish.reason === "error" ||
      finish.reason === "interrupted" ||
      finish.raw === undefined
    ) {
      throw new ParleyError("AGENT_CRASHED", { detail: "the model's answer ended before it was complete" });
    }
    const stopReason = toStopReason(finish.reason);
    if (stopReason === "limit" && !this.#hasText)
      yield* this.#text("I reached the limit of steps for one turn before I had an answer.");
    yield { type: "done", stopReason, usage: toUsage(finish.usage, this.#options.modelName, this.#options.prices) };
  }

  /** What the finished steps used, for a turn that fails after them. */
  get spent(): Usage {
    return toUsage(sumUsage(this.#spent), this.#options.modelName, this.#options.prices);
  }

  *#text(text: string): Generator<ReplyEventInput> {
    if (text === "") return;
    if (this.#needsBreak) yield { type: "text_delta", markdown: "\n\n" };
    this.#needsBreak = false;
    this.#hasOpenText = true;
    this.#hasText = true;
    yield { type: "text_delta", markdown: text };
  }

  *#signOfLife(text: string, isNews: boolean): Generator<ReplyEventInput> {
    // A status closes the open text, so it is shown only where none is being written.
    if (this.#hasOpenText || (!isNews && Date.now() - this.#lastSignMs < SIGN_OF_LIFE_MS)) return;
    this.#lastSignMs = Date.now();
    yield { type: "part", part: { type: "status", text } };
  }

  /** What a model thinks is shown as a line that the next one replaces, or as nothing but the sign that it does. */
  *#think(text: string): Generator<ReplyEventInput> {
    if (this.#options.reasoning !== "status") return yield* this.#signOfLife("Thinking", false);
    this.#thought = `${this.#thought}${text}`.slice(-4_000);
    if (this.#hasOpenText || Date.now() - this.#lastSignMs < THOUGHT_MS) return;
    const line = this.#thought.split("\n").findLast((one) => one.trim() !== "");
    if (line === undefined) return;
    this.#lastSignMs = Date.now();
    const words = line.replace(/[*_`#>\s]+/g, " ").trim();
    const cut = words.length > MAX_THOUGHT_CHARS ? `… ${words.slice(-MAX_THOUGHT_CHARS).toWellFormed()}` : words;
    yield { type: "part", part: { type: "status", text: cut || "Thinking" } };
  }

  *#toolFailed(id: string, name: string, error: unknown): Generator<ReplyEventInput> {
    const isDenied = error instanceof ToolFailure && error.outcome === "denied";
    yield* this.#toolResult(id, name, isDenied ? "denied" : "error", isDenied ? error.message : undefined);
  }

  #countToolCall(): void {
    this.#toolCalls += 1;
    if (this.#toolCalls > MAX_TOOL_CALLS) {
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", {
        detail: `the model asked for more than ${MAX_TOOL_CALLS} tool calls`,
      });
    }
  }

  *#toolCall(id: string, name: string, input: unknown): Generator<ReplyEventInput> {
    this.#closeText();
    if (this.#shownCalls.size >= MAX_SHOWN_TOOL_CALLS) {
      yield { type: "part", part: { type: "status", text: `Using ${name.slice(0, 100)}` } };
      return;
    }
    this.#shownCalls.add(id);
    yield {
      type: "part",
      part: { type: "tool_call", toolCallId: shortId(id), name: shown(name), input: shown(redactArguments(input)) },
    };
  }

  *#toolResult(
    id: string,
    name: string,
    outcome: "ok" | "error" | "denied",
    output: unknown,
  ): Generator<ReplyEventInput> {
    if (!this.#shownCalls.has(id)) return;
    this.#closeText();
    const text = output === undefined ? {} : { output: shown(redactArguments(output)) };
    yield { type: "part", part: { type: "tool_result", toolCallId: shortId(id), name: shown(name), outcome, ...text } };
  }

  #closeText(): void {
    this.#hasOpenText = false;
    this.#needsBreak = false;
  }
}

function toStopReason(reason: string): "end" | "limit" | "refused" {
  if (reason === "length" || reason === "tool-calls") return "limit";
  return reason === "content-filter" ? "refused" : "end";
}

function shortId(id: string): string {
  return id.length <= 128 && id !== "" ? id : createHash("sha256").update(id).digest("hex");
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)} […]` : text;
}
