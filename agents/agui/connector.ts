import type { RunAgentInput } from "@ag-ui/core";
import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { checkAddress } from "../shared/connector-check.ts";
import { readEventStream } from "../shared/event-stream.ts";
import { type CallingOptions, GuardedCalls } from "../shared/guarded-calls.ts";
import { DEFAULT_FIRST_BYTE_TIMEOUT_MS, type HttpAnswer } from "../shared/guarded-http.ts";
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

/** Guarantees a connector for an agent that speaks AG-UI 1.0: each turn is one run, or the answers to the run before it. */
export function createAguiConnector(config: AguiConfig, options: CallingOptions = {}): AgentConnector {
  return new AguiConnector(config, options);
}

class AguiConnector implements AgentConnector {
  readonly kind = "agui";
  readonly features = { steer: false };
  readonly #config: AguiConfig;
  readonly #calls: GuardedCalls;

  constructor(config: AguiConfig, options: CallingOptions) {
    this.#config = config;
    this.#calls = new GuardedCalls(options);
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    return this.#calls.reply({ signal: io.signal, firstByteTimeoutMs: this.#firstByteTimeoutMs() }, (signal) =>
      this.#turn(request, withSignal(io, signal)),
    );
  }

  async *#turn(request: TurnRequest, io: TurnIo): AsyncGenerator<unknown> {
    const memory = await readMemory(io);
    const step = nextStep(request, memory, Date.now());
    if (step.kind === "run") {
      if (request.trigger.action === undefined && memory.open.length > 0) await io.callOffQuestions?.();
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
    return await this.#calls.http.call(this.#config.url, {
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

  async check(signal: AbortSignal): Promise<ConnectorCheck> {
    return await checkAddress(this.#calls.http, this.#config.url, {
      signal,
      firstByteTimeoutMs: this.#firstByteTimeoutMs(),
    });
  }

  async close(): Promise<void> {
    await this.#calls.close();
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
