import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { CLOSED_NETWORK, type NetworkPolicy } from "../shared/address-policy.ts";
import type { ResolveAddresses } from "../shared/guarded-connect.ts";
import { DEFAULT_FIRST_BYTE_TIMEOUT_MS, GuardedHttp } from "../shared/guarded-http.ts";
import { guardedReply } from "../shared/guarded-reply.ts";
import { failedResponseToError } from "../shared/http-errors.ts";
import { WebhookConfig, type WebhookConfigInput } from "./config.ts";
import { readChatAnswer } from "./n8n-response.ts";
import { toSignedRequest } from "./request.ts";
import { readAcknowledgement, readAnswer } from "./response.ts";
import { toRetrySchedule } from "./retry-schedule.ts";

export interface WebhookConnectorOptions {
  /** Which addresses may be called. Default: public ones by https alone. */
  readonly network?: NetworkPolicy;
  readonly resolve?: ResolveAddresses;
  /** Longest silence within an answer, in ms. Default: 30 s. */
  readonly idleTimeoutMs?: number;
  readonly now?: () => number;
}

/** Guarantees a connector for an agent behind a URL: each turn is one signed POST that is answered inline, as a stream, or later. */
export function createWebhookConnector(
  config: WebhookConfigInput,
  options: WebhookConnectorOptions = {},
): AgentConnector {
  return new WebhookConnector(WebhookConfig.parse(config), options);
}

class WebhookConnector implements AgentConnector {
  readonly kind = "webhook";
  readonly features: AgentConnector["features"];
  readonly #closed = new AbortController();
  readonly #config: WebhookConfig;
  readonly #options: WebhookConnectorOptions;
  readonly #http: GuardedHttp;

  constructor(config: WebhookConfig, options: WebhookConnectorOptions) {
    this.features = { steer: false, retry: toRetrySchedule(config.retry) };
    this.#config = config;
    this.#options = options;
    const network = options.network ?? CLOSED_NETWORK;
    this.#http = new GuardedHttp({ network, ...(options.resolve && { resolve: options.resolve }) });
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    // Until the first byte the longer of both limits holds; after it, silence counts from event to event.
    const idleTimeoutMs = this.#options.idleTimeoutMs ?? DEFAULT_FIRST_BYTE_TIMEOUT_MS;
    return guardedReply(
      {
        signal: io.signal,
        closed: this.#closed.signal,
        idleTimeoutMs,
        firstEventTimeoutMs: this.#firstByteTimeoutMs() + idleTimeoutMs,
      },
      (signal) => this.#call(request, io, signal),
    );
  }

  async *#call(request: TurnRequest, io: TurnIo, signal: AbortSignal): AsyncGenerator<unknown> {
    const { dialect, replyWithinMs } = this.#config;
    const signed = await toSignedRequest(request, io, this.#config, this.#now());
    const answer = await this.#http.call(this.#config.url, {
      method: "POST",
      headers: signed.headers,
      body: signed.body,
      signal,
      firstByteTimeoutMs: this.#firstByteTimeoutMs(),
    });
    const nowMs = this.#now();
    const remainingMs = Math.max(0, Date.parse(request.deadlineAt) - nowMs);
    if (dialect === "n8n") yield* readChatAnswer(answer, nowMs);
    else if (dialect === "callback")
      yield* readAcknowledgement(answer, { nowMs, remainingMs: Math.min(remainingMs, replyWithinMs ?? remainingMs) });
    else yield* readAnswer(answer, { nowMs, remainingMs });
  }

  /** Asks for the headers of the address, without a turn; an agent that takes POST alone may answer 404 or 405 and is there. */
  async check(signal: AbortSignal): Promise<ConnectorCheck> {
    try {
      const answer = await this.#http.call(this.#config.url, {
        method: "HEAD",
        signal,
        firstByteTimeoutMs: this.#firstByteTimeoutMs(),
      });
      answer.discard();
      if (answer.status === 410 || answer.status >= 500) {
        throw failedResponseToError({ status: answer.status, retryAfter: undefined, nowMs: this.#now() });
      }
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

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}
