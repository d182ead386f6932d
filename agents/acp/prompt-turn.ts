import {
  methods,
  RequestError,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
} from "@agentclientprotocol/sdk";
import type { TurnIo } from "../../src/contracts/connector.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortError } from "../shared/abort.ts";
import type { AcpConfig } from "./config.ts";
import { type Elicitation, type ElicitationAnswer, toElicitationQuestion } from "./elicitation.ts";
import { refusalToError } from "./errors.ts";
import { EventQueue } from "./event-queue.ts";
import { actionKey, answerAlone, type PermissionQuestion, toPermissionQuestion } from "./permission.ts";
import type { AcpProcess, SessionListener } from "./process.ts";
import type { Prompt } from "./prompt.ts";
import { type PromptResult, readPromptResult } from "./results.ts";
import { UpdateTranslator } from "./updates.ts";

/** Most bytes of updates in one turn, also of what nobody sees: an answer with its files and a long work have room in it. */
const MAX_TURN_BYTES = 25_165_824;
/** Most bytes that an agent may still say after it was told to stop. */
const MAX_LATE_BYTES = 4_194_304;
/** How long an agent may take to stop when it is told to, in ms; then its process is killed with all it started. */
const CANCEL_GRACE_MS = 700;
/** Questions of one turn that may be open at once. */
const MAX_OPEN_QUESTIONS = 20;

export interface PromptTurnOptions {
  readonly process: AcpProcess;
  readonly sessionId: string;
  readonly config: AcpConfig;
  readonly prompt: Prompt;
  /** With the signal of this turn. */
  readonly io: TurnIo;
}

/** One prompt of one session: what the agent says during it, asks during it, and how it ends. */
export class PromptTurn implements SessionListener {
  readonly queue = new EventQueue();
  readonly translator: UpdateTranslator;
  readonly #options: PromptTurnOptions;
  readonly #denied = new Set<string>();
  readonly #occurrences = new Map<string, number>();
  readonly #elicitations = new Map<string, AbortController>();
  /** Aborts the questions that are open when the prompt is over. */
  readonly #over = new AbortController();
  #openQuestions = 0;
  #bytes = 0;
  #lateBytes = 0;
  /** What comes now comes too late: it was told to stop, or has answered. */
  #isOver = false;

  constructor(options: PromptTurnOptions) {
    this.#options = options;
    this.translator = new UpdateTranslator({
      thoughts: options.config.thoughts,
      prompt: options.prompt.words,
      isDenied: (toolCallId) => this.#denied.has(toolCallId),
    });
    options.io.signal.addEventListener("abort", () => this.queue.fail(abortError(options.io.signal)), { once: true });
  }

  /**
   * Sends the prompt and resolves with its end, whatever became of the reply meanwhile; `queue` has what is said.
   *
   * `meta` tells attempts at one turn from new ones. Errors: AGENT_CRASHED, AGENT_UNAVAILABLE for a session that the agent has lost.
   */
  async run(meta: Readonly<Record<string, unknown>>): Promise<PromptResult> {
    const { process, sessionId, prompt } = this.#options;
    try {
      const asked = process.agent.request(methods.agent.session.prompt, {
        sessionId,
        prompt: [...prompt.blocks],
        _meta: meta,
      });
      return readPromptResult(await process.ask<unknown>(asked));
    } catch (thrown) {
      if (thrown instanceof RequestError && thrown.code === -32_002) {
        process.sessions.delete(sessionId);
        throw new ParleyError("AGENT_UNAVAILABLE", {
          detail: "the agent has lost its session; the next has a new one",
        });
      }
      throw refusalToError(thrown, methods.agent.session.prompt, process.signIns());
    } finally {
      this.#over.abort();
    }
  }

  /** Tells the agent to stop and waits for its prompt to end; kills its process when it does not. Never throws. */
  async stop(running: Promise<unknown>): Promise<void> {
    const { process, sessionId } = this.#options;
    this.#isOver = true;
    this.#over.abort();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), CANCEL_GRACE_MS);
    });
    process.agent.notify(methods.agent.session.cancel, { sessionId }).catch(() => undefined);
    const ended = running.then(
      () => "ended",
      () => "ended",
    );
    const outcome = await Promise.race([ended, late]);
    clearTimeout(timer);
    if (outcome === "late" && !process.gone.aborted) {
      const detail = "the agent's process was ended, since a turn in it did not stop when it was told to";
      await process.end(new ParleyError("AGENT_UNAVAILABLE", { detail }));
    }
  }

  onUpdate(update: unknown, bytes: number): void {
    if (this.#isOver) return this.#onLateUpdate(bytes);
    this.#bytes += bytes;
    if (this.#bytes > MAX_TURN_BYTES) {
      const detail = `the agent said more than ${MAX_TURN_BYTES} bytes in one turn`;
      this.queue.fail(new ParleyError("AGENT_REPLY_TOO_LARGE", { detail }));
      return this.#endFlood();
    }
    try {
      for (const event of this.translator.accept(update)) this.queue.push(event);
    } catch (thrown) {
      this.queue.fail(toParleyError(thrown, "AGENT_REPLY_INVALID"));
    }
  }

  onAnswered(): void {
    this.#isOver = true;
  }

  async onPermission(request: RequestPermissionRequest, signal: AbortSignal): Promise<RequestPermissionResponse> {
    const { config, io } = this.#options;
    if (config.permissionMode !== "ask") return this.#answerAlone(request, config.permissionMode);
    if (io.requests === undefined) return this.#answerAlone(request, "deny");
    const key = actionKey(request);
    const occurrence = (this.#occurrences.get(key) ?? 0) + 1;
    this.#occurrences.set(key, occurrence);
    const question = toPermissionQuestion(request, occurrence, config);
    if ("refusal" in question) {
      this.#denied.add(request.toolCall.toolCallId);
      this.#say(question.refusal);
      return question.response;
    }
    const outcome = await this.#ask(io.requests, question, signal);
    if (outcome === undefined) return { outcome: { outcome: "cancelled" } };
    const { response, isDenied } = question.toResponse(outcome);
    if (isDenied) this.#denied.add(request.toolCall.toolCallId);
    return response;
  }

  async onElicitation(request: Elicitation, signal: AbortSignal): Promise<ElicitationAnswer> {
    const { io } = this.#options;
    const question = toElicitationQuestion(request);
    if (typeof question === "string" || io.requests === undefined) {
      io.logger.info(
        { reason: typeof question === "string" ? question : "nobody_to_ask" },
        "an agent's question was declined",
      );
      return { action: "decline" };
    }
    const completed = new AbortController();
    const { elicitationId = "" } = request;
    if (elicitationId !== "") this.#elicitations.set(elicitationId, completed);
    const outcome = await this.#ask(io.requests, question, AbortSignal.any([signal, completed.signal]));
    this.#elicitations.delete(elicitationId);
    if (completed.signal.aborted) return { action: "accept" };
    return outcome === undefined ? { action: "cancel" } : question.toAnswer(outcome);
  }

  onElicitationComplete(elicitationId: string): void {
    this.#elicitations.get(elicitationId)?.abort();
  }

  /** Undefined when the question was called off, or could not be put. */
  async #ask(
    requests: NonNullable<TurnIo["requests"]>,
    { part, binding }: Pick<PermissionQuestion, "part" | "binding">,
    signal: AbortSignal,
  ) {
    const { io } = this.#options;
    if (this.#openQuestions >= MAX_OPEN_QUESTIONS) return undefined;
    this.#openQuestions += 1;
    try {
      return await requests.ask(part, { binding, signal: AbortSignal.any([signal, io.signal, this.#over.signal]) });
    } catch (thrown) {
      const { code } = toParleyError(thrown);
      if (code !== "TURN_CANCELLED") io.logger.warn({ code }, "an agent's question could not be put to people");
      return undefined;
    } finally {
      this.#openQuestions -= 1;
    }
  }

  #answerAlone(request: RequestPermissionRequest, direction: "allow" | "deny"): RequestPermissionResponse {
    if (direction === "deny") this.#denied.add(request.toolCall.toolCallId);
    return answerAlone(request.options, direction, this.#options.config);
  }

  /** A paragraph of Parley's own among the agent's words. */
  #say(words: string): void {
    const content = { type: "text", text: `\n\n${words}\n\n` };
    for (const event of this.translator.accept({ sessionUpdate: "agent_message_chunk", content }))
      this.queue.push(event);
  }

  #onLateUpdate(bytes: number): void {
    this.#lateBytes += bytes;
    if (this.#lateBytes > MAX_LATE_BYTES) this.#endFlood();
  }

  #endFlood(): void {
    const detail = "the agent's process was ended, since a turn in it went on without end";
    this.#options.process.fail(new ParleyError("AGENT_UNAVAILABLE", { detail }));
  }
}
