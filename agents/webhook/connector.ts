import type {
  AgentConnector,
  ConnectorCheck,
  ConnectorEvent,
  TurnIo,
  TurnRequest,
} from "../../src/contracts/connector.ts";
import { checkAddress } from "../shared/connector-check.ts";
import { type CallingOptions, GuardedCalls } from "../shared/guarded-calls.ts";
import { DEFAULT_FIRST_BYTE_TIMEOUT_MS } from "../shared/guarded-http.ts";
import { WebhookConfig, type WebhookConfigInput } from "./config.ts";
import { readChatAnswer } from "./n8n-response.ts";
import { toSignedRequest } from "./request.ts";
import { readAcknowledgement, readAnswer } from "./response.ts";
import { toRetrySchedule } from "./retry-schedule.ts";

export interface WebhookConnectorOptions extends CallingOptions {
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
  readonly #config: WebhookConfig;
  readonly #options: WebhookConnectorOptions;
  readonly #calls: GuardedCalls;

  constructor(config: WebhookConfig, options: WebhookConnectorOptions) {
    this.features = { steer: false, retry: toRetrySchedule(config.retry) };
    this.#config = config;
    this.#options = options;
    this.#calls = new GuardedCalls(options);
  }

  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent> {
    return this.#calls.reply({ signal: io.signal, firstByteTimeoutMs: this.#firstByteTimeoutMs() }, (signal) =>
      this.#call(request, io, signal),
    );
  }

  async *#call(request: TurnRequest, io: TurnIo, signal: AbortSignal): AsyncGenerator<unknown> {
    const { dialect, replyWithinMs } = this.#config;
    const signed = await toSignedRequest(request, io, this.#config, this.#now());
    const answer = await this.#calls.http.call(this.#config.url, {
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

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}
