import type {
  AgentConnector,
  AgentReach,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { guardedReply } from "../shared/guarded-reply.ts";
import type { SocketConfig } from "./config.ts";
import type { DialInHub } from "./hub.ts";
import type { DialInTurn } from "./turn.ts";

export interface SocketConnectorOptions {
  readonly hub: DialInHub;
  readonly agentId: string;
  /** Longest silence of an agent that is connected, in ms. Default: 30 s. */
  readonly idleTimeoutMs?: number;
}

/** Guarantees a connector for an agent that dials in: each turn goes over whatever connection the agent has, and outlives a drop of it. */
export function createSocketConnector(config: SocketConfig, options: SocketConnectorOptions): AgentConnector {
  return new SocketConnector(config, options);
}

class SocketConnector implements AgentConnector {
  readonly kind = "socket";
  readonly #config: SocketConfig;
  readonly #options: SocketConnectorOptions;
  readonly #closed = new AbortController();

  constructor(config: SocketConfig, options: SocketConnectorOptions) {
    this.#config = config;
    this.#options = options;
  }

  /** What the agent said in its newest `hello`; nothing while it is away. */
  get features(): AgentConnector["features"] {
    const said = this.#options.hub.connectionOf(this.#options.agentId)?.hello.capabilities;
    return { steer: said?.steer === true, tools: said?.tools === true };
  }

  reach(): AgentReach {
    return this.#options.hub.reach(this.#options.agentId);
  }

  async *invoke(request: TurnRequest, io: TurnIo): AsyncGenerator<ConnectorEvent> {
    const { hub, idleTimeoutMs } = this.#options;
    let turn: DialInTurn | undefined;
    let end: ParleyError | "done" | "left" = "left";
    const reply = guardedReply(
      {
        signal: io.signal,
        closed: this.#closed.signal,
        idleTimeoutMs,
        isWaiting: () => turn?.isWaiting === true,
      },
      (signal) => {
        turn = hub.begin(request, io, this.#config);
        return turn.events(signal);
      },
    );
    try {
      for await (const event of reply) {
        if (event.type === "done") {
          if (event.stopReason === "failed")
            throw new ParleyError("AGENT_CRASHED", { detail: "the agent reported that it failed" });
          end = "done";
        }
        yield event;
      }
    } catch (thrown) {
      end = toParleyError(thrown);
      throw thrown;
    } finally {
      if (turn !== undefined) {
        turn.finish(end);
        hub.end(turn);
      }
    }
  }

  async check(): Promise<ConnectorCheck> {
    const { hub, agentId } = this.#options;
    const connection = hub.connectionOf(agentId);
    if (connection !== undefined) {
      const { name, version } = connection.hello.client;
      return {
        ok: true,
        detail: `connected since ${new Date(connection.connectedAtMs).toISOString()} (${name} ${version})`,
      };
    }
    if (hub.reach(agentId) === "elsewhere") return { ok: true, detail: "connected to another process" };
    return {
      ok: false,
      detail: "not connected: start the agent with its token; what it is asked meanwhile waits for it",
    };
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }
}
