import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { type AgentFunction, runAgentFunction } from "../shared/agent-function.ts";
import { watchQuestions } from "../shared/asking.ts";
import { guardedReply } from "../shared/guarded-reply.ts";
import { withSignal } from "../shared/turn-io.ts";
import { watchTools } from "../shared/watch-tools.ts";
import type { FunctionConfig } from "./config.ts";
import { loadAgentModule } from "./load.ts";

export interface FunctionConnectorOptions {
  /** Folder that a relative module path begins at. Default: the working folder. */
  readonly folder?: string;
  /** Longest silence within a turn, in ms. Default: 30 s. */
  readonly idleTimeoutMs?: number;
}

/**
 * Guarantees a connector for an agent that runs in this process. The module is loaded by the first turn or check, and once.
 *
 * A function that hangs is abandoned when the turn's signal aborts; one that blocks the event loop cannot be stopped.
 */
export function createFunctionConnector(
  config: FunctionConfig,
  options: FunctionConnectorOptions = {},
): AgentConnector {
  return new FunctionConnector(config, options);
}

class FunctionConnector implements AgentConnector {
  readonly kind = "function";
  readonly features = { steer: true, tools: true };
  readonly #closed = new AbortController();
  readonly #config: FunctionConfig;
  readonly #options: FunctionConnectorOptions;
  #loading: Promise<AgentFunction> | undefined;

  constructor(config: FunctionConfig, options: FunctionConnectorOptions) {
    this.#config = config;
    this.#options = options;
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    const asking = watchQuestions(io.requests);
    const watched = watchTools(io.tools);
    // Both are asked, for each forgets what it has told.
    const isWaiting = (): boolean => [asking.isWaiting(), watched.isWaiting()].includes(true);
    const { requests } = asking;
    return guardedReply(
      { signal: io.signal, closed: this.#closed.signal, idleTimeoutMs: this.#options.idleTimeoutMs, isWaiting },
      (signal) =>
        this.#run(request, {
          ...withSignal(io, signal),
          tools: watched.tools,
          ...(requests === undefined ? {} : { requests }),
        }),
    );
  }

  async *#run(request: TurnRequest, io: TurnIo): AsyncGenerator<unknown> {
    yield* runAgentFunction(await this.#load(), request, io);
  }

  async check(): Promise<ConnectorCheck> {
    try {
      await this.#load();
      return { ok: true, detail: "the function is loaded" };
    } catch (thrown) {
      return { ok: false, detail: toParleyError(thrown).detail ?? "the function cannot be loaded" };
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#loading = undefined;
  }

  #load(): Promise<AgentFunction> {
    const { run, module } = this.#config;
    if (run !== undefined) return Promise.resolve(run);
    this.#loading ??= loadAgentModule(module ?? "", this.#options.folder ?? process.cwd());
    // A failed load is not kept, so that a module that was put in its place later is found.
    this.#loading.catch(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }
}
