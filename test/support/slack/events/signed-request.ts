import { createHmac } from "node:crypto";
import type { App, Wire } from "../model/records.ts";
import { KeepAliveClient } from "./keep-alive-client.ts";

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
  readonly #clients = new Map<string, { client: KeepAliveClient; path: string; host: string }>();
  readonly #timeoutMs: number;
  readonly #connections: number;

  constructor(options: { timeoutMs: number; connections: number }) {
    this.#timeoutMs = options.timeoutMs;
    this.#connections = options.connections;
  }

  async post(
    app: App,
    url: string,
    body: string,
    contentType: "application/json" | "application/x-www-form-urlencoded",
    extraHeaders = "",
  ): Promise<RequestOutcome> {
    const target = this.#clientOf(url);
    const timestamp = Math.floor(Date.now() / 1000);
    const head =
      `POST ${target.path} HTTP/1.1\r\nhost: ${target.host}\r\nuser-agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\n` +
      `accept: */*\r\ncontent-type: ${contentType}\r\nx-slack-request-timestamp: ${timestamp}\r\n` +
      `x-slack-signature: ${signature(app.signingSecret, timestamp, body)}${extraHeaders}`;
    const outcome = await target.client.post(head, body, this.#timeoutMs);
    if (outcome.kind !== "answer") return { result: outcome.kind === "timeout" ? "http_timeout" : "connection_failed" };
    const ok = outcome.status >= 200 && outcome.status < 300;
    const noRetry = !ok && /\r\nx-slack-no-retry: *1/.test(outcome.head);
    return { result: ok ? "ok" : "http_error", status: outcome.status, body: outcome.body, noRetry };
  }

  close(): void {
    for (const { client } of this.#clients.values()) client.close();
  }

  #clientOf(url: string): { client: KeepAliveClient; path: string; host: string } {
    const known = this.#clients.get(url);
    if (known !== undefined) return known;
    const address = new URL(url);
    if (address.protocol !== "http:") throw new Error(`the stand-in sends to http addresses only, not to ${url}`);
    const made = {
      client: new KeepAliveClient(address, this.#connections),
      path: `${address.pathname}${address.search}`,
      host: address.host,
    };
    this.#clients.set(url, made);
    return made;
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
