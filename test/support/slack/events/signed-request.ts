import { createHmac } from "node:crypto";
import { Agent, request } from "undici";
import type { App, Wire } from "../model/records.ts";

/** What came of one HTTP request to the app. `result` is `ok` for 2xx, else the reason as Slack words it. */
export interface RequestOutcome {
  readonly result: "ok" | "http_timeout" | "http_error" | "connection_failed";
  readonly status?: number;
  readonly body?: string;
  readonly noRetry?: boolean;
}

/** The v0 signature over timestamp and body (docs.slack.dev/authentication/verifying-requests-from-slack). */
export function signature(signingSecret: string, timestamp: number | string, body: string): string {
  return `v0=${createHmac("sha256", signingSecret).update(`v0:${timestamp}:${body}`).digest("hex")}`;
}

/** Sends signed requests to apps over kept-alive connections. */
export class SignedRequests {
  readonly #agent: Agent;
  readonly #timeoutMs: number;

  constructor(options: { timeoutMs: number; connections: number }) {
    this.#timeoutMs = options.timeoutMs;
    this.#agent = new Agent({ connections: options.connections, pipelining: 1, keepAliveTimeout: 60_000 });
  }

  async post(
    app: App,
    url: string,
    body: string,
    contentType: "application/json" | "application/x-www-form-urlencoded",
    extraHeaders: Record<string, string> = {},
  ): Promise<RequestOutcome> {
    const timestamp = Math.floor(Date.now() / 1000);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.#timeoutMs);
    try {
      const answer = await request(url, {
        method: "POST",
        dispatcher: this.#agent,
        signal: abort.signal,
        headers: {
          "content-type": contentType,
          accept: "*/*",
          "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
          "x-slack-request-timestamp": String(timestamp),
          "x-slack-signature": signature(app.signingSecret, timestamp, body),
          ...extraHeaders,
        },
        body,
      });
      const text = await answer.body.text();
      const ok = answer.statusCode >= 200 && answer.statusCode < 300;
      const noRetry = answer.headers["x-slack-no-retry"] === "1";
      return { result: ok ? "ok" : "http_error", status: answer.statusCode, body: text, noRetry };
    } catch {
      return { result: abort.signal.aborted ? "http_timeout" : "connection_failed" };
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** The body of an acknowledgement as JSON; a bare text becomes `{ text }`, nothing becomes an empty object. */
export function acknowledgementBody(body: string | undefined): Wire {
  if (body === undefined || body.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(body);
    // Parsed JSON objects are records of strings.
    if (typeof parsed === "object" && parsed !== null) return parsed as Wire;
  } catch {
    return { text: body };
  }
  return { text: body };
}
