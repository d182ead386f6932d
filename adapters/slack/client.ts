import { Agent, type Dispatcher } from "undici";
import type { JsonValue } from "../../src/contracts/json.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import { ANSWER_GRACE_MS } from "../shared/single-call.ts";
import { httpError, slackError, transportError } from "./errors.ts";

/** Where the Web API of Slack's commercial cloud lives. */
export const DEFAULT_API_URL = "https://slack.com/api/";
const CONNECT_TIMEOUT_MS = 5_000;
/** A page of 200 messages with blocks stays below 2 MB; more than this is not Slack. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export interface SlackCall {
  readonly method: string;
  readonly token: string;
  readonly body: { readonly [argument: string]: JsonValue | undefined };
  readonly signal?: AbortSignal;
  /** Longest time of the whole call, in ms. Default: that of the client. */
  readonly timeoutMs?: number;
  /** A few methods take forms only (files.getUploadURLExternal). Default json. */
  readonly encoding?: "json" | "form";
}

export type SlackAnswer = Readonly<Record<string, unknown>>;

/**
 * Writes to the Web API with as little between as can be: a keep-alive pool, hard timeouts, no retry of any kind.
 *
 * It rejects with the ParleyError of the failure; `delivery` is `not_sent` exactly when no byte of the call can have left or
 * Slack said that it did nothing.
 */
export class SlackClient {
  readonly #agent: Agent;
  readonly #origin: string;
  readonly #path: string;
  readonly #timeoutMs: number;

  constructor(options: { apiUrl: string; timeoutMs: number; connections?: number }) {
    const url = new URL(options.apiUrl.endsWith("/") ? options.apiUrl : `${options.apiUrl}/`);
    this.#origin = url.origin;
    this.#path = url.pathname;
    this.#timeoutMs = options.timeoutMs;
    this.#agent = new Agent({
      connections: options.connections ?? 64,
      connect: { timeout: CONNECT_TIMEOUT_MS },
      // A request that waits in a connection's pipeline has not left, but would look as if it had.
      pipelining: 1,
      keepAliveTimeout: 4_000,
      headersTimeout: this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
      allowH2: false,
    });
  }

  /** Performs one call and resolves with Slack's answer, whose `ok` is true. */
  call(call: SlackCall): Promise<SlackAnswer> {
    const form = call.encoding === "form";
    return this.#dispatch(call, {
      origin: this.#origin,
      path: this.#path + call.method,
      method: "POST",
      headers: [
        "authorization",
        `Bearer ${call.token}`,
        "content-type",
        form ? "application/x-www-form-urlencoded" : "application/json; charset=utf-8",
      ],
      body: form ? formOf(call.body) : JSON.stringify(call.body),
    }).then((text) => parseAnswer(call.method, text));
  }

  /** Posts raw bytes to an address that Slack handed out (file uploads, response_url); no token goes with them. */
  async post(options: {
    label: string;
    url: URL;
    contentType: string;
    body: string | Uint8Array;
    signal?: AbortSignal;
    timeoutMs?: number;
  }): Promise<void> {
    await this.#dispatch(
      {
        method: options.label,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      },
      {
        origin: options.url.origin,
        path: options.url.pathname + options.url.search,
        method: "POST",
        headers: ["content-type", options.contentType],
        body: options.body,
      },
    );
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #dispatch(
    call: Pick<SlackCall, "method" | "signal" | "timeoutMs">,
    request: Dispatcher.DispatchOptions,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const { method, signal } = call;
      if (signal?.aborted) {
        reject(cancelled());
        return;
      }
      let dispatched = false;
      let finished = false;
      let controller: Dispatcher.DispatchController | undefined;
      let status = 0;
      let retryAfter: string | undefined;
      let bytes = 0;
      const chunks: Buffer[] = [];
      let grace: NodeJS.Timeout | undefined;
      const finish = (settle: () => void): void => {
        if (finished) return;
        finished = true;
        clearTimeout(timer);
        clearTimeout(grace);
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const giveUp = (reason: Error): void => {
        finish(() => reject(!dispatched && signal?.aborted ? cancelled() : transportError(method, reason, dispatched)));
        controller?.abort(reason);
      };
      const onAbort = (): void => {
        const callOff = (): void => giveUp(named("AbortError", "called off"));
        if (dispatched) grace = setTimeout(callOff, ANSWER_GRACE_MS);
        else callOff();
      };
      const timer = setTimeout(() => giveUp(named("TimeoutError", "took too long")), call.timeoutMs ?? this.#timeoutMs);
      signal?.addEventListener("abort", onAbort, { once: true });

      this.#agent.dispatch(request, {
        onRequestStart: (started) => {
          controller = started;
          // Given up while it waited for a connection: it must not leave now.
          if (finished) started.abort(named("AbortError", "called off"));
          else dispatched = true;
        },
        onResponseStart: (_controller, code, headers) => {
          if (code < 200) return;
          status = code;
          const header = headers["retry-after"];
          retryAfter = Array.isArray(header) ? header[0] : header;
        },
        onResponseData: (_controller, chunk) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) giveUp(named("AnswerTooLarge", "the answer is too large"));
          else chunks.push(chunk);
        },
        onResponseEnd: () =>
          finish(() => {
            if (status >= 200 && status < 300) resolve(Buffer.concat(chunks).toString("utf8"));
            else reject(httpError(method, status, retryAfter, Date.now()));
          }),
        onResponseError: (_controller, error) => finish(() => reject(transportError(method, error, dispatched))),
      });
    });
  }
}

function parseAnswer(method: string, text: string): SlackAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    // Something other than Slack answered, or the answer was cut off: the call may have arrived.
    throw transportError(method, cause, true);
  }
  if (typeof answer !== "object" || answer === null || !("ok" in answer))
    throw transportError(method, new Error("not an answer of Slack"), true);
  if (answer.ok === true) return answer as SlackAnswer; // an object, checked above; callers check each field they read
  const name = "error" in answer && typeof answer.error === "string" ? answer.error : "unreadable_error";
  throw slackError(method, name);
}

function formOf(body: SlackCall["body"]): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) {
    if (value === undefined || value === null) continue;
    form.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return form.toString();
}

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
