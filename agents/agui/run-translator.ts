import type { Event, Interrupt, Message, RunFinishedEvent, TokenUsage } from "@ag-ui/core";
import { contentToText, EventType } from "@ag-ui/core";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import type { ReplyEventInput } from "../../src/envelope/reply-event.ts";
import { Activities } from "./activities.ts";
import { runErrorToError } from "./errors.ts";
import { type LegacyInterrupt, legacyInterrupt, questionsOf } from "./interrupts.ts";
import { MessageTexts } from "./message-texts.ts";
import type { AskedQuestion, CallMade } from "./open-question.ts";
import { RunState } from "./run-state.ts";
import { ToolCalls } from "./tool-calls.ts";

/** Least time between two signs of life while an agent reasons, in ms. */
const SIGN_OF_LIFE_MS = 10_000;
/** Roles whose words are the agent's own. */
const OWN_ROLES: ReadonlySet<string> = new Set(["assistant", "developer"]);

/** How a run ended. */
export interface RunEnd {
  readonly questions: readonly AskedQuestion[];
  readonly state: unknown;
  readonly done: Extract<ReplyEventInput, { type: "done" }>;
}

export interface RunOptions {
  readonly turnId: string;
  readonly state: unknown;
  /** Ids of the messages that the run was given. */
  readonly given: ReadonlySet<string>;
  /** Calls of the run before, whose results may come in this one. */
  readonly calls: readonly CallMade[];
}

/** Guarantees reply events for the events of one run: text in order, tool calls and results, plans, signs of life; reasoning is left out. */
export class RunTranslator {
  readonly #options: RunOptions;
  readonly #texts = new MessageTexts();
  readonly #calls: ToolCalls;
  readonly #activities = new Activities();
  readonly #state: RunState;
  readonly #legacy: LegacyInterrupt[] = [];
  readonly #foreign = new Set<string>();
  #chunkMessage: string | undefined;
  #snapshot: readonly Message[] = [];
  #lastSignMs = Date.now();
  #end: RunEnd | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#calls = new ToolCalls(options.calls);
    this.#state = new RunState(options.state);
  }

  /** How it ended; undefined while it runs. */
  get end(): RunEnd | undefined {
    return this.#end;
  }

  /** Throws the error of a run that failed. What follows the end says nothing. */
  *translate(event: Event): Generator<ReplyEventInput> {
    if (this.#end !== undefined) return;
    switch (event.type) {
      case EventType.TEXT_MESSAGE_START:
        yield* this.#startMessage(event.messageId, event.role);
        break;
      case EventType.TEXT_MESSAGE_CONTENT:
        yield* this.#say(event.messageId, event.delta);
        break;
      case EventType.TEXT_MESSAGE_END:
        yield* asText(this.#texts.end(event.messageId));
        break;
      case EventType.TEXT_MESSAGE_CHUNK:
        yield* this.#chunk(event.messageId, event.role, event.delta ?? "");
        break;
      case EventType.TOOL_CALL_START:
        yield* this.#endChunks();
        this.#calls.start(event.toolCallId, event.toolCallName);
        break;
      case EventType.TOOL_CALL_ARGS:
        this.#calls.add(event.toolCallId, event.delta);
        break;
      case EventType.TOOL_CALL_END:
        yield* this.#parts(this.#calls.end(event.toolCallId));
        break;
      case EventType.TOOL_CALL_CHUNK:
        yield* this.#endChunks();
        yield* this.#parts(this.#calls.chunk(event.toolCallId, event.toolCallName, event.delta ?? ""));
        break;
      case EventType.TOOL_CALL_RESULT:
        yield* this.#parts(this.#calls.result(event.toolCallId, event.content, false));
        break;
      case EventType.STATE_SNAPSHOT:
        this.#state.snapshot(event.snapshot);
        break;
      case EventType.STATE_DELTA:
        this.#state.patch(event.delta);
        break;
      case EventType.MESSAGES_SNAPSHOT:
        this.#snapshot = event.messages;
        yield* this.#resultsIn(event.messages);
        break;
      case EventType.ACTIVITY_SNAPSHOT:
        yield* this.#status(
          this.#activities.snapshot(event.messageId, event.activityType, event.content, event.replace ?? true),
        );
        break;
      case EventType.ACTIVITY_DELTA:
        yield* this.#status(this.#activities.patch(event.messageId, event.patch));
        break;
      case EventType.STEP_STARTED:
        yield* this.#status(event.stepName);
        break;
      case EventType.SUBAGENT_STARTED:
        yield* this.#status(`Asking ${event.name ?? "another agent"}`);
        break;
      case EventType.REASONING_START:
      case EventType.REASONING_MESSAGE_START:
      case EventType.REASONING_MESSAGE_CONTENT:
      case EventType.REASONING_MESSAGE_CHUNK:
        yield* this.#signOfLife();
        break;
      case EventType.CUSTOM: {
        const interrupt = legacyInterrupt(event);
        if (interrupt !== undefined && this.#legacy.length < 50) this.#legacy.push(interrupt);
        break;
      }
      case EventType.RUN_ERROR:
        throw runErrorToError(event.code);
      case EventType.RUN_FINISHED:
        yield* this.#finish(event);
        break;
      default:
        // A second RUN_STARTED, ends of steps and of reasoning, raw events: nothing that a reader sees.
        break;
    }
  }

  /** Servers that run their tools themselves and send no events of results (LlamaIndex) tell them in the snapshot alone. */
  *#resultsIn(messages: readonly Message[]): Generator<ReplyEventInput> {
    for (const message of messages) {
      if (message.role !== "tool" || !this.#calls.isWaiting(message.toolCallId)) continue;
      yield* this.#parts(this.#calls.result(message.toolCallId, message.content, message.error !== undefined));
    }
  }

  *#startMessage(messageId: string, role: string | undefined): Generator<ReplyEventInput> {
    yield* this.#endChunks();
    if (role !== undefined && !OWN_ROLES.has(role)) this.#foreign.add(messageId);
    else this.#texts.start(messageId);
  }

  *#say(messageId: string, delta: string): Generator<ReplyEventInput> {
    if (delta === "" || this.#foreign.has(messageId)) return;
    yield* this.#parts(this.#calls.endAll());
    this.#calls.goOn();
    yield* asText(this.#texts.add(messageId, delta));
  }

  *#chunk(messageId: string | undefined, role: string | undefined, delta: string): Generator<ReplyEventInput> {
    if (messageId !== undefined && messageId !== this.#chunkMessage) {
      yield* this.#startMessage(messageId, role);
      this.#chunkMessage = messageId;
    }
    if (this.#chunkMessage !== undefined) yield* this.#say(this.#chunkMessage, delta);
  }

  /** A message that came in chunks has no end of its own: whatever else begins ends it. */
  *#endChunks(): Generator<ReplyEventInput> {
    if (this.#chunkMessage === undefined) return;
    yield* asText(this.#texts.end(this.#chunkMessage));
    this.#chunkMessage = undefined;
  }

  *#parts(parts: Iterable<ReplyPartInput>): Generator<ReplyEventInput> {
    for (const part of parts) {
      if (part.type === "status" && this.#texts.isOpen) continue;
      this.#texts.interrupt();
      yield { type: "part", part };
    }
  }

  *#status(line: string | undefined): Generator<ReplyEventInput> {
    const text = line?.replace(/\s+/g, " ").trim().slice(0, 256).toWellFormed();
    // A status ends the open text, so it is shown only where none is being written.
    if (text === undefined || text === "" || this.#texts.isOpen) return;
    this.#lastSignMs = Date.now();
    this.#texts.interrupt();
    yield { type: "part", part: { type: "status", text } };
  }

  *#signOfLife(): Generator<ReplyEventInput> {
    if (Date.now() - this.#lastSignMs >= SIGN_OF_LIFE_MS) yield* this.#status("Thinking");
  }

  *#finish(event: RunFinishedEvent): Generator<ReplyEventInput> {
    const { outcome } = event;
    yield* asText(this.#texts.endAll());
    yield* this.#parts(this.#calls.endAll());
    const interrupts: readonly Interrupt[] = outcome?.type === "interrupt" ? outcome.interrupts : [];
    const unresolved = this.#calls.unresolved(outcome?.type === "success" ? outcome.pendingToolCallIds : undefined);
    const isCancelled = outcome?.type === "cancelled";
    const questions = isCancelled
      ? []
      : questionsOf(this.#options.turnId, {
          interrupts,
          legacy: this.#legacy,
          unresolved,
          call: (id) => this.#calls.find(id),
        });
    if (!this.#texts.hasText) yield* asText([this.#wholeAnswer(event, questions.length > 0)]);
    yield* this.#parts(this.#activities.tasks());
    const usage = toUsage(event.usage ?? []);
    this.#end = {
      questions,
      state: this.#state.kept,
      done: { type: "done", stopReason: isCancelled ? "cancelled" : "end", ...(usage === undefined ? {} : { usage }) },
    };
  }

  /** What a server says that streams nothing: the newest words of its own in its snapshot, or the result of the run. */
  #wholeAnswer({ result }: RunFinishedEvent, asks: boolean): string {
    const own = this.#snapshot.findLastIndex((message) => message.role === "user");
    const texts = this.#snapshot
      .slice(own + 1)
      .flatMap((message) =>
        message.role === "assistant" && !this.#options.given.has(message.id) ? [contentToText(message.content)] : [],
      );
    const words = texts.filter((text) => text.trim() !== "").join("\n\n");
    return words === "" && !asks && typeof result === "string" ? result : words;
  }
}

function* asText(texts: Iterable<string>): Generator<ReplyEventInput> {
  for (const markdown of texts) if (markdown !== "") yield { type: "text_delta", markdown };
}

function toUsage(
  entries: readonly TokenUsage[],
): NonNullable<Extract<ReplyEventInput, { type: "done" }>["usage"]> | undefined {
  if (entries.length === 0) return undefined;
  const sum = (
    name: "inputTokens" | "outputTokens" | "reasoningTokens" | "cachedInputTokens",
  ): Record<string, number> => {
    const counts = entries.flatMap((entry) => entry[name] ?? []).filter((count) => count >= 0);
    return counts.length === 0 ? {} : { [name]: counts.reduce((total, count) => total + count, 0) };
  };
  const model = entries.find((entry) => entry.model !== undefined)?.model;
  return {
    ...sum("inputTokens"),
    ...sum("outputTokens"),
    ...sum("reasoningTokens"),
    ...sum("cachedInputTokens"),
    ...(model === undefined ? {} : { model: model.slice(0, 128) }),
  };
}
