import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { failedCheck } from "../shared/connector-check.ts";
import { type CallingOptions, GuardedCalls } from "../shared/guarded-calls.ts";
import { withSignal } from "../shared/turn-io.ts";
import type { ModelConfig } from "./config.ts";
import { chooseModel, type Endpoint, listModels, toEndpoint } from "./endpoint.ts";
import { modelFailureToError } from "./errors.ts";
import { openMcpTools } from "./mcp/servers.ts";
import { runModel } from "./run.ts";
import { createToolClock, type ToolClock } from "./tool-clock.ts";

export interface ModelConnectorOptions extends CallingOptions {
  /** Folder in which MCP servers that are programs are started. Default: the working folder. */
  readonly folder?: string;
}

/**
 * Guarantees a connector for a language model. Without key or address it exists all the same: `check` says what to set, and a turn throws AGENT_NOT_CONFIGURED.
 *
 * Messages that arrive during a turn reach the model before its next step.
 */
export function createModelConnector(config: ModelConfig, options: ModelConnectorOptions = {}): AgentConnector {
  return new ModelConnector(config, options);
}

class ModelConnector implements AgentConnector {
  readonly kind = "model";
  readonly features = { steer: true, tools: true };
  readonly #config: ModelConfig;
  readonly #folder: string;
  readonly #calls: GuardedCalls;
  #chosenModel: string | undefined;

  constructor(config: ModelConfig, options: ModelConnectorOptions) {
    this.#config = config;
    this.#folder = options.folder ?? process.cwd();
    this.#calls = new GuardedCalls(options);
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    const toolClock = createToolClock(io.notSilent);
    return this.#calls.reply({ signal: io.signal, isWaiting: toolClock.isBusy }, (signal) =>
      this.#run(request, withSignal(io, signal), toolClock),
    );
  }

  async *#run(request: TurnRequest, io: TurnIo, toolClock: ToolClock): AsyncGenerator<unknown> {
    const endpoint = toEndpoint(this.#config);
    try {
      const modelName = await this.#modelName(endpoint, io.signal);
      yield* runModel({
        config: this.#config,
        endpoint,
        modelName,
        http: this.#calls.http,
        request,
        io,
        firstByteTimeoutMs: this.#calls.idleTimeoutMs,
        folder: this.#folder,
        toolClock,
      });
    } catch (thrown) {
      throw modelFailureToError(thrown);
    }
  }

  async check(signal: AbortSignal): Promise<ConnectorCheck> {
    try {
      const endpoint = toEndpoint(this.#config);
      const listed = await listModels(endpoint, this.#calls.http, signal);
      const model = this.#config.model ?? chooseModel(endpoint.provider, listed);
      const isUnlisted = listed !== undefined && listed.length > 0 && !listed.includes(model);
      return {
        ok: true,
        detail: `${model} at ${new URL(endpoint.baseUrl).host}${isUnlisted ? " (which does not list it)" : ""}${await this.#describeServers(signal)}`,
      };
    } catch (thrown) {
      return failedCheck(thrown);
    }
  }

  /** How many tools each server offers now; a turn goes on without those of one that is away. */
  async #describeServers(signal: AbortSignal): Promise<string> {
    if (this.#config.mcpServers.length === 0) return "";
    const away: string[] = [];
    const onAway = (server: string, code: string): void => void away.push(`${server} (${code})`);
    const mcp = await openMcpTools(this.#config.mcpServers, {
      http: this.#calls.http,
      signal,
      folder: this.#folder,
      onAway,
    });
    await mcp.close();
    return `; ${mcp.tools.length} tools of its servers${away.length === 0 ? "" : `; away: ${away.join(", ")}`}`;
  }

  async close(): Promise<void> {
    await this.#calls.close();
  }

  async #modelName(endpoint: Endpoint, signal: AbortSignal): Promise<string> {
    if (this.#config.model !== undefined) return this.#config.model;
    this.#chosenModel ??= chooseModel(endpoint.provider, await listModels(endpoint, this.#calls.http, signal));
    return this.#chosenModel;
  }
}
