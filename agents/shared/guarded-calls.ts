import type { ConnectorEvent } from "../../src/contracts/connector.ts";
import { CLOSED_NETWORK, type NetworkPolicy } from "./address-policy.ts";
import type { ResolveAddresses } from "./guarded-connect.ts";
import { DEFAULT_FIRST_BYTE_TIMEOUT_MS, GuardedHttp } from "./guarded-http.ts";
import { type GuardedReplyOptions, guardedReply } from "./guarded-reply.ts";

/** How a connector calls an agent that has an address. */
export interface CallingOptions {
  /** Which addresses may be called. Default: public ones by https alone. */
  readonly network?: NetworkPolicy;
  readonly resolve?: ResolveAddresses;
  /** Longest silence within an answer, in ms. Default: 30 s. */
  readonly idleTimeoutMs?: number;
}

export interface CalledReplyOptions extends Pick<GuardedReplyOptions, "signal" | "isWaiting"> {
  /** Longest time from a request to the first byte of its answer, in ms, where the first event may take that and the silence beside. */
  readonly firstByteTimeoutMs?: number;
}

/** What every connector that calls an address holds: guarded HTTP, the time an answer may be silent, and the end of both. */
export class GuardedCalls {
  readonly network: NetworkPolicy;
  readonly http: GuardedHttp;
  readonly idleTimeoutMs: number;
  readonly #closed = new AbortController();

  constructor(options: CallingOptions) {
    this.network = options.network ?? CLOSED_NETWORK;
    this.http = new GuardedHttp({ network: this.network, ...(options.resolve && { resolve: options.resolve }) });
    this.idleTimeoutMs = options.idleTimeoutMs ?? DEFAULT_FIRST_BYTE_TIMEOUT_MS;
  }

  /** Guarantees the shape of a reply as `guardedReply` does; after `close` it ends with AGENT_UNAVAILABLE. */
  reply(
    { firstByteTimeoutMs, ...options }: CalledReplyOptions,
    open: (signal: AbortSignal) => AsyncIterable<unknown>,
  ): AsyncIterable<ConnectorEvent> {
    const { idleTimeoutMs } = this;
    // Until the first byte the longer of both limits holds; after it, silence counts from event to event.
    const firstEventTimeoutMs = firstByteTimeoutMs === undefined ? undefined : firstByteTimeoutMs + idleTimeoutMs;
    return guardedReply({ ...options, closed: this.#closed.signal, idleTimeoutMs, firstEventTimeoutMs }, open);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.http.close();
  }
}
