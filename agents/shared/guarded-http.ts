import { Agent, type Dispatcher, request } from "undici";
import { raceAbort } from "./abort.ts";
import { checkCallableUrl, type NetworkPolicy } from "./address-policy.ts";
import { createGuardedConnector, type ResolveAddresses } from "./guarded-connect.ts";
import { httpFailureToError } from "./http-errors.ts";

/** Longest time from the request to the first byte of the answer, in ms. */
export const DEFAULT_FIRST_BYTE_TIMEOUT_MS = 30_000;

export interface HttpCall {
  readonly method: "GET" | "HEAD" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
  readonly firstByteTimeoutMs?: number | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** The value of a header by its lower-case name; the first where it was sent more than once. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** Closes the connection, whatever was read. */
  discard(): void;
}

export interface GuardedHttpOptions {
  readonly network: NetworkPolicy;
  /** Resolves names; the system's resolver by default. */
  readonly resolve?: ResolveAddresses;
}

/**
 * Guarantees HTTP calls that reach public addresses alone (or what the operator opted in), follow no redirect, ask for no
 * compression, and hold one connection each, which closes with the call's signal.
 */
export class GuardedHttp {
  readonly #dispatcher: Agent;

  constructor(options: GuardedHttpOptions) {
    this.#dispatcher = new Agent({
      connect: createGuardedConnector(options.network, options.resolve),
      // No connection outlives its call: an aborted turn leaves nothing open, and none is reused for another organization.
      pipelining: 0,
      // Silence within the answer is measured in events by guardedReply; a drip of bytes would keep a timer of bytes content.
      bodyTimeout: 0,
      headersTimeout: DEFAULT_FIRST_BYTE_TIMEOUT_MS,
    });
  }

  /** Throws what `httpFailureToError` makes of a failure; a response of any status is an answer. */
  async call(url: string | URL, call: HttpCall): Promise<HttpAnswer> {
    const target = checkCallableUrl(url);
    try {
      const options = {
        method: call.method,
        headers: { "accept-encoding": "identity", ...call.headers },
        body: call.body ?? null,
        signal: call.signal,
        dispatcher: this.#dispatcher,
        headersTimeout: call.firstByteTimeoutMs ?? DEFAULT_FIRST_BYTE_TIMEOUT_MS,
      };
      return toAnswer(await raceAbort(request(target, options), call.signal));
    } catch (thrown) {
      throw httpFailureToError(thrown);
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }
}

function toAnswer(response: Dispatcher.ResponseData): HttpAnswer {
  return {
    status: response.statusCode,
    header(name) {
      const value = response.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    body: readChunks(response.body),
    discard() {
      // Destroying a body that nobody reads emits an error; there is nobody it could concern.
      response.body.on("error", () => undefined);
      response.body.destroy();
    },
  };
}

async function* readChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (thrown) {
    throw httpFailureToError(thrown);
  }
}
