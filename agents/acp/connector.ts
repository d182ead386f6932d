import { DEFAULT_IDLE_TIMEOUT_MS } from "../../src/contracts/agent-definition.ts";
import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { raceAbort } from "../shared/abort.ts";
import { watchQuestions } from "../shared/asking.ts";
import { failedCheck } from "../shared/connector-check.ts";
import { guardedReply } from "../shared/guarded-reply.ts";
import { withSignal } from "../shared/turn-io.ts";
import { loadAttachments } from "./attachments.ts";
import type { AcpConfig } from "./config.ts";
import { Memories, type Memory } from "./memory.ts";
import { AcpProcess } from "./process.ts";
import { NOTHING_HANDED, toPrompt } from "./prompt.ts";
import { PromptTurn } from "./prompt-turn.ts";
import { toStopReason, usageOf } from "./results.ts";
import { Sessions } from "./sessions.ts";
import { ToolBridge, type ToolDoor } from "./tool-bridge.ts";
import { TurnLocks } from "./turn-locks.ts";

export interface AcpConnectorOptions {
  /** Longest silence within a turn, in ms. Default: 30 s. */
  readonly idleTimeoutMs?: number;
  /** Gets what the agent writes to its error stream. Default: nobody; it is counted alone. */
  readonly onStderr?: (bytes: Uint8Array) => void;
}

/**
 * Guarantees a connector for an agent that speaks ACP on the standard streams of a process: one process for all turns, started by the first turn or
 * check and again after it ended; one session per conversation, taken up again after a restart of either side where the agent can.
 */
export function createAcpConnector(config: AcpConfig, options: AcpConnectorOptions = {}): AgentConnector {
  return new AcpConnector(config, options);
}

interface Running {
  readonly process: AcpProcess;
  readonly sessions: Sessions;
}

class AcpConnector implements AgentConnector {
  readonly kind = "acp";
  readonly features = { steer: false, tools: true };
  readonly #closed = new AbortController();
  readonly #config: AcpConfig;
  readonly #options: AcpConnectorOptions;
  readonly #memories: Memories;
  readonly #bridge = new ToolBridge();
  readonly #locks = new TurnLocks();
  #running: Promise<Running> | undefined;

  constructor(config: AcpConfig, options: AcpConnectorOptions) {
    this.#config = config;
    this.#options = options;
    this.#memories = new Memories(config);
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    const { idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS } = this.#options;
    const asking = watchQuestions(io.requests);
    const tools: { door?: ToolDoor | undefined } = {};
    return guardedReply(
      {
        signal: io.signal,
        closed: this.#closed.signal,
        idleTimeoutMs,
        firstEventTimeoutMs: 2 * this.#config.startTimeoutMs + idleTimeoutMs,
        isWaiting: () => asking.isWaiting() || tools.door?.wasAtWork() === true,
      },
      (signal) => {
        const { requests: _unwatched, ...own } = withSignal(io, signal);
        return this.#run(request, asking.requests === undefined ? own : { ...own, requests: asking.requests }, tools);
      },
    );
  }

  async *#run(request: TurnRequest, io: TurnIo, tools: { door?: ToolDoor | undefined }): AsyncGenerator<unknown> {
    const { sessionKey } = request;
    const release = await this.#locks.take(sessionKey, io.signal);
    let ending: Promise<unknown> = Promise.resolve();
    try {
      const memory = await this.#memories.read(sessionKey, io);
      const access = io.toolAccess?.();
      const { process, sessions } = yield* withSigns(this.#start(io.logger), io.signal);
      const session = yield* withSigns(sessions.open(memory, access), io.signal);
      const { sessionId, isNew, door } = session;
      tools.door = door;
      const known: Memory = isNew ? { sessionId, handed: NOTHING_HANDED } : memory;
      if (isNew) await this.#remember(sessionKey, io, known);
      const attachments = await loadAttachments(request, io, process.capabilities);
      const prompt = toPrompt(request, { handed: known.handed, isNew, attachments });
      io.signal.throwIfAborted();
      const turn = new PromptTurn({ process, sessionId, config: this.#config, prompt, io });
      const listening = process.listen(sessionId, turn);
      door?.lead(access);
      const running = turn.run({ "parley/turnId": request.turnId, "parley/attempt": request.attempt });
      let isSettled = false;
      const settled = running.finally(() => {
        isSettled = true;
      });
      settled.then(
        () => turn.queue.end(),
        (thrown: unknown) => turn.queue.fail(toParleyError(thrown, "AGENT_CRASHED")),
      );
      try {
        // From here on its silence counts, and no more the time that a start may take.
        yield { type: "text_delta", markdown: "" };
        yield* turn.queue.read();
        const result = await running;
        const stopReason = toStopReason(result);
        const usage = { ...turn.translator.usage(known.costMicroUsd), ...usageOf(result) };
        await this.#remember(sessionKey, io, {
          sessionId,
          handed: prompt.handed,
          costMicroUsd: turn.translator.sessionCostMicroUsd ?? known.costMicroUsd,
        });
        yield* turn.translator.end();
        yield { type: "done", stopReason, ...(Object.keys(usage).length > 0 && { usage }) };
      } finally {
        door?.lead(undefined);
        ending = (isSettled ? Promise.resolve() : turn.stop(running)).finally(() => listening.stop());
      }
    } finally {
      // The conversation's next turn waits until the agent has let go of this one; who reads this one does not.
      void ending.finally(() => release());
    }
  }

  async check(signal: AbortSignal): Promise<ConnectorCheck> {
    try {
      const { process } = await raceAbort(this.#start(), signal);
      return { ok: true, detail: `${process.name} answers` };
    } catch (thrown) {
      return failedCheck(thrown);
    }
  }

  async close(): Promise<void> {
    const reason = new ParleyError("AGENT_UNAVAILABLE", { detail: "the connector was closed" });
    this.#closed.abort(reason);
    const running = await this.#running?.catch(() => undefined);
    await running?.process.end(reason);
    await this.#bridge.close();
  }

  /** The process that runs, or a new one: its end is found out by the turn that would use it next. */
  async #start(logger?: TurnIo["logger"]): Promise<Running> {
    this.#closed.signal.throwIfAborted();
    const known = this.#running;
    const alive = await known?.catch(() => undefined);
    if (alive !== undefined && !alive.process.gone.aborted) return alive;
    if (this.#running === known) this.#running = this.#startNew(logger);
    return this.#running ?? this.#startNew(logger);
  }

  async #startNew(logger: TurnIo["logger"] | undefined): Promise<Running> {
    const process = await AcpProcess.start(this.#config, {
      logger,
      onStderr: this.#options.onStderr,
      signal: this.#closed.signal,
    });
    return { process, sessions: new Sessions(process, this.#config, this.#bridge) };
  }

  /** What cannot be kept costs the agent its memory of the conversation, and people no answer. */
  async #remember(sessionKey: string, io: TurnIo, memory: Memory): Promise<void> {
    await this.#memories.write(sessionKey, io, memory).catch((thrown: unknown) => {
      io.logger.warn({ code: toParleyError(thrown).code }, "an agent's session could not be kept");
    });
  }
}

/** An agent that is started for the first time may be downloaded first: people are told, in ms between two signs. */
const START_SIGN_MS = 8_000;

async function* withSigns<T>(pending: Promise<T>, signal: AbortSignal): AsyncGenerator<unknown, T> {
  const outcome = pending.then((value) => ({ value }));
  for (;;) {
    const { promise: sign, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), START_SIGN_MS);
    const done = await raceAbort(Promise.race([outcome, sign]), signal).finally(() => clearTimeout(timer));
    if (done !== undefined) return done.value;
    yield { type: "part", part: { type: "status", text: "Starting the agent" } };
  }
}
