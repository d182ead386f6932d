import type { RunAgentInput } from "@ag-ui/core";
import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { CLOSED_NETWORK, type NetworkPolicy } from "../shared/address-policy.ts";
import { readEventStream } from "../shared/event-stream.ts";
import type { ResolveAddresses } from "../shared/guarded-connect.ts";
import { DEFAULT_FIRST_BYTE_TIMEOUT_MS, GuardedHttp, type HttpAnswer } from "../shared/guarded-http.ts";
import { guardedReply } from "../shared/guarded-reply.ts";
import { failedResponseToError } from "../shared/http-errors.ts";
import { withSignal } from "../shared/turn-io.ts";
import type { AguiConfig } from "./config.ts";
import { type Continuation, nextStep } from "./continuation.ts";
import { notAgui } from "./errors.ts";
import { toAguiEvent } from "./events.ts";
import { type AgentMemory, readMemory, writeMemory } from "./memory.ts";
import { type AskedQuestion, toPart } from "./open-question.ts";
import { toRunInput } from "./request.ts";
import { RunTranslator } from "./run-translator.ts";

export interface AguiConnectorOptions {
  /** Which addresses may be called. Default: public ones by https alone. */
  readonly network?: NetworkPolicy;
  readonly resolve?: ResolveAddresses;
  /** Longest silence within an answer, in ms. Default: 30 s. */
  readonly idleTimeoutMs?: number;
}

/** Guarantees a connector for an agent that speaks AG-UI 1.0: each turn is one run, or the answers to the run before it. */
export function createAguiConnector(config: AguiConfig, options: AguiConnectorOptions = {}): AgentConnector {
  return new AguiConnector(config, options);
}

class AguiConnector implements AgentConnector {
  readonly kind = "agui";
  readonly features = { steer: false };
  readonly #closed = new AbortController();
  readonly #config: AguiConfig;
  readonly #options: AguiConnectorOptions;
  readonly #http: GuardedHttp;

  constructor(config: AguiConfig, options: AguiConnectorOptions) {
    this.#config = config;
    this.#options = options;
    const network = options.network ?? CLOSED_NETWORK;
    this.#http = new GuardedHttp({ network, ...(options.resolve && { resolve: options.resolve }) });
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    const idleTimeoutMs = this.#options.idleTimeoutMs ?? DEFAULT_FIRST_BYTE_TIMEOUT_MS;
    return guardedReply(
      {
        signal: io.signal,
        closed: this.#closed.signal,
        idleTimeoutMs,
        firstEventTimeoutMs: this.#firstByteTimeoutMs() + idleTimeoutMs,
      },
      (signal) => this.#turn(request, withSignal(io, signal)),
    );
  }

  async *#turn(request: TurnRequest, io: TurnIo): AsyncGenerator<unknown> {
    const memory = await readMemory(io);
    const step = nextStep(request, memory, Date.now());
    if (step.kind === "run") {
      yield* this.#run(request, io, memory, step.continuation);
      return;
    }
    await writeMemory(io, step.memory);
    yield { type: "text_delta", markdown: step.text };
    if (step.ask !== undefined) yield* asParts([{ open: step.ask, prompt: "" }]);
    yield { type: "done" };
  }

  async *#run(
    request: TurnRequest,
    io: TurnIo,
    memory: AgentMemory,
    continuation: Continuation,
  ): AsyncGenerator<unknown> {
    const input = await toRunInput(request, io, { config: this.#config, state: memory.state, continuation });
    const answer = await this.#post(request, input, io.signal);
    try {
      assertEventStream(answer);
      const run = new RunTranslator({
        turnId: request.turnId,
        state: memory.state,
        given: new Set(input.messages.map(({ id }) => id)),
        calls: memory.open.flatMap(({ call }) => (call === undefined ? [] : [call])),
      });
      for await (const value of readEventStream(answer.body)) {
        const event = toAguiEvent(value);
        if (event === undefined) continue;
        yield* run.translate(event);
        if (run.end === undefined) continue;
        const { questions, state, done } = run.end;
        // Before anybody can answer: who clicks is faster than whoever forgets what was asked.
        await writeMemory(io, { state, open: questions.map(({ open }) => open) });
        yield* asParts(questions);
        yield done;
        return;
      }
    } finally {
      answer.discard();
    }
  }

  async #post(request: TurnRequest, input: RunAgentInput, signal: AbortSignal): Promise<HttpAnswer> {
    return await this.#http.call(this.#config.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream",
        "user-agent": "Parley/1",
        "idempotency-key": encodeURIComponent(request.turnId),
        ...(this.#config.token === undefined ? {} : { authorization: `Bearer ${this.#config.token}` }),
      },
      body: JSON.stringify(input),
      signal,
      firstByteTimeoutMs: this.#firstByteTimeoutMs(),
    });
  }

  /** Asks for the headers of the address, without a run; a server that takes POST alone answers 405 and is there. */
  async check(signal: AbortSignal): Promise<ConnectorCheck> {
    try {
      const answer = await this.#http.call(this.#config.url, {
        method: "HEAD",
        signal,
        firstByteTimeoutMs: this.#firstByteTimeoutMs(),
      });
      answer.discard();
      if (answer.status === 410 || answer.status >= 500)
        throw failedResponseToError({ status: answer.status, retryAfter: undefined, nowMs: Date.now() });
      return { ok: true, detail: `the address answers (HTTP ${answer.status} to HEAD)` };
    } catch (thrown) {
      const error = toParleyError(thrown, "AGENT_UNAVAILABLE");
      return { ok: false, detail: error.detail ?? error.row.userText };
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#http.close();
  }

  #firstByteTimeoutMs(): number {
    return this.#config.firstByteTimeoutMs ?? DEFAULT_FIRST_BYTE_TIMEOUT_MS;
  }
}

function* asParts(questions: readonly AskedQuestion[]): Generator<unknown> {
  for (const question of questions) yield { type: "part", part: toPart(question, Date.now()) };
}

function assertEventStream(answer: HttpAnswer): void {
  if (answer.status !== 200) {
    const retryAfter = answer.header("retry-after");
    throw failedResponseToError({ status: answer.status, retryAfter, nowMs: Date.now() });
  }
  if ((answer.header("content-encoding") ?? "identity") !== "identity")
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the answer is compressed, which Parley did not ask for" });
  if (!/^text\/event-stream\b/i.test(answer.header("content-type") ?? ""))
    throw notAgui("its content-type must be text/event-stream");
}
