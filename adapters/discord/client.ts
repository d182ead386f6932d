import { Agent } from "undici";
import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import { SendLimiter } from "../shared/send-limiter.ts";
import { type CallAnswer, CallFailure, performOnce } from "../shared/single-call.ts";
import { answerError } from "./errors.ts";
import { InvalidRequestBudget } from "./invalid-requests.ts";
import { multipart } from "./multipart.ts";
import type { FileBody } from "./post-body.ts";
import { RATE_RULES } from "./rate-rules.ts";
import type { Route } from "./routes.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** A page of 100 messages with components stays far below; more than this is not Discord. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const USER_AGENT = "DiscordBot (parley, 0.1.0)";
/** All calls share this bucket; Discord allows 50 a second. */
const GLOBAL = "all routes";

export interface DiscordCall {
  readonly route: Route;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: JsonValue;
  readonly files?: readonly FileBody[];
  readonly signal?: AbortSignal | undefined;
  /** Longest time of the call, in ms. Default: that of the client. */
  readonly timeoutMs?: number;
  /** False when the caller took its turn at the limiter already, and for what Discord exempts. Default true. */
  readonly paced?: boolean;
}

export interface ClientOptions {
  readonly apiUrl: string;
  readonly token: string;
  readonly timeoutMs: number;
  readonly pacing: boolean;
  /** Called once, when Discord refuses the bot's token. */
  readonly onUnauthorized: (detail: string) => void;
}

/**
 * Calls the REST API with as little between as can be: a keep-alive pool, hard timeouts, no retry of any kind.
 *
 * Pauses that Discord names are kept per route and channel, or for all of them where it says so; headers that tell an empty
 * bucket are believed before the refusal comes. Rejects with the ParleyError of the failure.
 */
export class DiscordClient {
  readonly #agent: Agent;
  readonly #options: ClientOptions;
  readonly #origin: string;
  readonly #path: string;
  readonly #limiter: SendLimiter;
  readonly #invalid = new InvalidRequestBudget();
  #refused: string | undefined;

  constructor(options: ClientOptions) {
    const url = new URL(options.apiUrl);
    this.#options = options;
    this.#origin = url.origin;
    this.#path = url.pathname.replace(/\/$/u, "");
    this.#limiter = new SendLimiter({ rules: RATE_RULES, pacing: options.pacing });
    this.#agent = new Agent({
      connections: 64,
      connect: { timeout: CONNECT_TIMEOUT_MS },
      // A request that waits in a connection's pipeline has not left, but would look as if it had.
      pipelining: 1,
      keepAliveTimeout: 4_000,
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    });
  }

  /** Performs one call and resolves with Discord's answer; undefined for an answer without content. */
  async call(call: DiscordCall): Promise<unknown> {
    const { route } = call;
    this.#requireToken(route);
    this.#invalid.require(Date.now());
    if (call.paced !== false) await this.#acquire(route, call.signal);
    if (call.signal?.aborted) throw cancelled();
    let answer: CallAnswer;
    try {
      answer = await performOnce(this.#agent, this.#requestOf(call), {
        signal: call.signal,
        timeoutMs: call.timeoutMs ?? this.#options.timeoutMs,
        maxAnswerBytes: MAX_ANSWER_BYTES,
      });
    } catch (error) {
      throw error instanceof CallFailure ? failureOf(route, error) : error;
    }
    return this.#read(route, answer);
  }

  /** Says in how many ms a live preview may use the route, having taken its turn when that is 0. */
  previewWaitMs(route: Route): number {
    if (this.#refused !== undefined) return Number.MAX_SAFE_INTEGER;
    return this.#limiter.takePreviewTurn(keyOf(route));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #acquire(route: Route, signal: AbortSignal | undefined): Promise<void> {
    const all = { installationId: "", method: GLOBAL };
    do {
      await this.#limiter.acquire(all, signal);
      await this.#limiter.acquire(keyOf(route), signal);
      // While a call waits for its own route, all routes may be told to wait.
    } while (this.#limiter.pauseMs(all) > 0);
  }

  #requestOf({ route, query, body, files }: DiscordCall) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value));
    const path = `${this.#path}${route.path}${search.size > 0 ? `?${search.toString()}` : ""}`;
    const headers = ["user-agent", USER_AGENT];
    if (!route.ownToken) headers.push("authorization", `Bot ${this.#options.token}`);
    const base = { origin: this.#origin, path, method: route.method } as const;
    if (files !== undefined && files.length > 0) {
      const form = multipart(body ?? null, files);
      return { ...base, headers: [...headers, "content-type", form.contentType], body: form.bytes };
    }
    if (body === undefined) return { ...base, headers, body: null };
    return { ...base, headers: [...headers, "content-type", "application/json"], body: JSON.stringify(body) };
  }

  #read(route: Route, answer: CallAnswer): unknown {
    const { status, header } = answer;
    const parsed = parseJson(answer.bytes);
    this.#heed(route, answer);
    if (status === 204) return undefined;
    if (status >= 200 && status < 300) {
      // Something other than Discord answered, or the answer was cut off: a write may have arrived.
      if (parsed === undefined) throw unreadable(route);
      return parsed;
    }
    const nowMs = Date.now();
    const error = answerError(`${route.method} ${route.template}`, { status, body: parsed, header }, nowMs);
    if (error.code === "PLATFORM_RATE_LIMITED") {
      const key = error.facts["global"] === true ? { installationId: "", method: GLOBAL } : keyOf(route);
      this.#limiter.pause(key, error.retryAfterMs ?? 0);
    }
    const shared = header("x-ratelimit-scope") === "shared";
    if (status === 401 || status === 403 || (status === 429 && !shared)) this.#invalid.note(nowMs);
    if (error.code === "PLATFORM_UNAUTHORIZED" && !route.ownToken) this.#refuse(error.detail ?? error.code);
    throw route.method === "GET" && error.delivery === "unknown" ? asRead(error) : error;
  }

  /** An empty bucket is left alone until it fills again, without waiting for the refusal. */
  #heed(route: Route, { status, header }: CallAnswer): void {
    if (status === 429 || header("x-ratelimit-remaining") !== "0") return;
    const resetAfterMs = Math.ceil(Number(header("x-ratelimit-reset-after") ?? "") * 1_000);
    if (resetAfterMs > 0 && Number.isFinite(resetAfterMs)) this.#limiter.pause(keyOf(route), resetAfterMs);
  }

  #refuse(detail: string): void {
    if (this.#refused !== undefined) return;
    this.#refused = detail;
    this.#options.onUnauthorized(detail);
  }

  /** A refused token is not shown again: Discord bans addresses that go on with it. */
  #requireToken(route: Route): void {
    if (this.#refused !== undefined && !route.ownToken)
      throw new ParleyError("PLATFORM_UNAUTHORIZED", { detail: this.#refused });
  }
}

function keyOf(route: Route) {
  return { installationId: "", method: `${route.method} ${route.template}`, channel: route.major };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function unreadable(route: Route): ParleyError {
  const code = route.method === "GET" ? "PLATFORM_UNAVAILABLE" : "PLATFORM_OUTCOME_UNKNOWN";
  return new ParleyError(code, { detail: `${route.method} ${route.template} was answered with something unreadable` });
}

function failureOf(route: Route, failure: CallFailure): ParleyError {
  const name = `${route.method} ${route.template}`;
  const facts = { method: name, reason: failure.reason };
  const { cause } = failure;
  return failure.dispatched && route.method !== "GET"
    ? new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: `${name} got no answer (${failure.reason})`, facts, cause })
    : new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: `${name} could not be done (${failure.reason})`,
        facts,
        cause,
      });
}

/** A reading has no effect that could be uncertain. */
function asRead(error: ParleyError): ParleyError {
  return new ParleyError("PLATFORM_UNAVAILABLE", { detail: error.detail ?? error.code, facts: error.facts });
}
