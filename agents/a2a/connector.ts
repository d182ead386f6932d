import { type Client, ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from "@a2a-js/sdk/client";
import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import type { DeferredReply } from "../../src/contracts/deferred-reply.ts";
import { MAX_REPLY_PARTS, Reply } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { failedCheck } from "../shared/connector-check.ts";
import { describeIssues } from "../shared/describe-fault.ts";
import { type CallingOptions, GuardedCalls } from "../shared/guarded-calls.ts";
import { DEFAULT_FIRST_BYTE_TIMEOUT_MS } from "../shared/guarded-http.ts";
import { CARD_TTL_MS, type ReadCard, readCard } from "./card.ts";
import { type A2aConfig, credentialsOf } from "./config.ts";
import { endOf, toParts } from "./ending.ts";
import { a2aFailureToError } from "./errors.ts";
import { createAgentFetch } from "./guarded-fetch.ts";
import { runTask } from "./run.ts";
import { TaskReply } from "./task-reply.ts";

export interface A2aConnectorOptions extends CallingOptions {
  readonly now?: () => number;
}

/** Guarantees a connector for an agent that speaks A2A 1.0 or 0.3: each turn is a message of one task, in a context per conversation. */
export function createA2aConnector(config: A2aConfig, options: A2aConnectorOptions = {}): AgentConnector {
  return new A2aConnector(config, options);
}

interface Known {
  readonly card: ReadCard;
  readonly client: Client;
  readonly readAtMs: number;
}

class A2aConnector implements AgentConnector {
  readonly kind = "a2a";
  readonly features = { steer: false, tools: false };
  readonly #config: A2aConfig;
  readonly #options: A2aConnectorOptions;
  readonly #calls: GuardedCalls;
  #known: Known | undefined;

  constructor(config: A2aConfig, options: A2aConnectorOptions) {
    this.#config = config;
    this.#options = options;
    this.#calls = new GuardedCalls(options);
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    return this.#calls.reply({ signal: io.signal, firstByteTimeoutMs: this.#firstByteTimeoutMs() }, (signal) =>
      this.#run(request, io, signal),
    );
  }

  async *#run(request: TurnRequest, io: TurnIo, signal: AbortSignal): AsyncGenerator<unknown> {
    try {
      const { card, client } = await this.#agent(signal);
      yield* runTask({ config: this.#config, card, client, request, io, signal });
    } catch (thrown) {
      // The agent may have moved, or changed: its card is asked for anew.
      this.#known = undefined;
      throw a2aFailureToError(thrown);
    }
  }

  async collect(taskId: string, signal: AbortSignal): Promise<DeferredReply | undefined> {
    try {
      const { client } = await this.#agent(signal);
      const reply = new TaskReply();
      const events = [...reply.takeTask(await client.getTask({ tenant: "", id: taskId }, { signal }))];
      if (reply.ending === undefined) return undefined;
      const parsed = Reply.safeParse({ parts: toParts([...events, ...endOf(reply)]).slice(0, MAX_REPLY_PARTS) });
      if (parsed.success) return parsed.data;
      throw new ParleyError("AGENT_REPLY_INVALID", { detail: describeIssues(parsed.error) });
    } catch (thrown) {
      throw a2aFailureToError(thrown);
    }
  }

  async check(signal: AbortSignal): Promise<ConnectorCheck> {
    try {
      this.#known = undefined;
      const { card } = await this.#agent(signal);
      const ways = [card.isStreaming ? "streams" : "is polled", ...(card.sendsPush ? ["sends notifications"] : [])];
      const name = card.name.replaceAll(/\p{Cc}/gu, " ").slice(0, 80) || "an agent";
      return {
        ok: true,
        detail: `${name} at ${card.address.host} (A2A ${card.protocolVersion}, ${card.binding}; ${ways.join(", ")})`,
      };
    } catch (thrown) {
      return failedCheck(thrown);
    }
  }

  async close(): Promise<void> {
    await this.#calls.close();
  }

  async #agent(signal: AbortSignal): Promise<Known> {
    const nowMs = this.#options.now?.() ?? Date.now();
    if (this.#known !== undefined && nowMs - this.#known.readAtMs < CARD_TTL_MS) return this.#known;
    const firstByteTimeoutMs = this.#firstByteTimeoutMs();
    const card = await readCard({
      config: this.#config,
      network: this.#calls.network,
      http: this.#calls.http,
      signal,
      firstByteTimeoutMs,
    });
    const fetchImpl = createAgentFetch({
      http: this.#calls.http,
      credentials: credentialsOf(this.#config),
      firstByteTimeoutMs,
    });
    const legacyCompat = { enabled: true };
    const factory = new ClientFactory({
      transports: [
        new JsonRpcTransportFactory({ fetchImpl, legacyCompat }),
        new RestTransportFactory({ fetchImpl, legacyCompat }),
      ],
    });
    const known = { card, client: await factory.createFromAgentCard(card.card), readAtMs: nowMs };
    this.#known = known;
    return known;
  }

  #firstByteTimeoutMs(): number {
    return Math.max(DEFAULT_FIRST_BYTE_TIMEOUT_MS, this.#calls.idleTimeoutMs);
  }
}
