import {
  type HttpApiEvent,
  type HttpApiEventHandlerMap,
  MatrixError,
  MatrixHttpApi,
  Method,
} from "matrix-js-sdk/lib/http-api/index.js";
import { TypedEventEmitter } from "matrix-js-sdk/lib/models/typed-event-emitter.js";
import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import { parseRetryAfterMs } from "../shared/retry-after.ts";
import { ANSWER_GRACE_MS } from "../shared/single-call.ts";
import type { MatrixConnections } from "./client-fetch.ts";
import { refusalError, transportError } from "./errors.ts";
import { asRecord, type Raw } from "./raw.ts";

export interface MatrixCall {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** From the root of the server, ids encoded; see `path`. */
  readonly path: string;
  /** What the call is, for errors and logs; never an id or a text. */
  readonly label: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: { readonly [key: string]: JsonValue };
  /** The puppet that acts, for application services. */
  readonly asUser?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

const METHODS = { GET: Method.Get, PUT: Method.Put, POST: Method.Post, DELETE: Method.Delete } as const;

export interface ClientOptions {
  readonly homeserverUrl: string;
  readonly accessToken: string;
  /** Longest time of one call, in ms; afterwards a write's outcome is unknown. */
  readonly timeoutMs: number;
  readonly connections: MatrixConnections;
}

/** Calls a homeserver through the SDK's HTTP layer. It never repeats a call, and its errors say whether a write may have happened. */
export class HomeserverClient {
  readonly homeserverUrl: string;
  readonly #options: ClientOptions;
  readonly #http: MatrixHttpApi<{ baseUrl: string; prefix: string; onlyData: true }>;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.homeserverUrl = options.homeserverUrl.replace(/\/+$/u, "");
    this.#http = new MatrixHttpApi(new TypedEventEmitter<HttpApiEvent, HttpApiEventHandlerMap>(), {
      baseUrl: this.homeserverUrl,
      prefix: "",
      accessToken: options.accessToken,
      useAuthorizationHeader: true,
      onlyData: true,
      fetchFn: (resource: Parameters<typeof globalThis.fetch>[0], init?: RequestInit) =>
        options.connections.fetch(resource, init).catch((cause: unknown) => {
          throw passedThrough(cause);
        }),
    });
  }

  /** Performs one call and resolves with the answer, an object. */
  async call(call: MatrixCall): Promise<Raw> {
    const record = asRecord(await this.#json(call));
    if (record === undefined) throw transportError(call.label, new SyntaxError("the answer is no object"));
    return record;
  }

  /** Performs one call whose answer is a list. */
  async list(call: MatrixCall): Promise<readonly unknown[]> {
    const answer = await this.#json(call);
    if (!Array.isArray(answer)) throw transportError(call.label, new SyntaxError("the answer is no list"));
    return answer;
  }

  #json(call: MatrixCall): Promise<unknown> {
    return this.#guarded(call, (abortSignal) =>
      this.#http.authedRequest<unknown>(METHODS[call.method], call.path, queryOf(call), call.body, { abortSignal }),
    );
  }

  /** Uploads bytes; resolves with their `mxc://` address as the homeserver gave it. */
  async upload(call: Omit<MatrixCall, "body">, bytes: Uint8Array, mediaType: string): Promise<Raw> {
    const answer = await this.#guarded(call, (abortSignal) =>
      this.#http.authedRequest<unknown>(METHODS[call.method], call.path, queryOf(call), Buffer.from(bytes), {
        abortSignal,
        headers: { "Content-Type": mediaType },
      }),
    );
    return asRecord(answer) ?? {};
  }

  /** Reads the bytes of a file, at most `maxBytes`. Throws PAYLOAD_TOO_LARGE. */
  async download(
    call: Omit<MatrixCall, "body" | "method"> & { readonly maxBytes: number },
  ): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string }> {
    const { connections, accessToken } = this.#options;
    const url = this.#http.getUrl(call.path, queryOf(call));
    const headers = { authorization: `Bearer ${accessToken}` };
    const answer = await this.#guarded(call, (signal) =>
      connections.download(url, { headers, signal, maxBytes: call.maxBytes }),
    );
    if (answer.status !== 200)
      throw refusalError(call.label, {
        status: answer.status,
        errcode: errcodeIn(answer.bytes),
        retryAfterMs: undefined,
      });
    return { bytes: answer.bytes, mediaType: answer.mediaType ?? "application/octet-stream" };
  }

  async #guarded<Answer>(
    call: Omit<MatrixCall, "body" | "method"> & { readonly method?: MatrixCall["method"] },
    run: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    if (call.signal?.aborted) throw cancelled();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), call.timeoutMs ?? this.#options.timeoutMs);
    const isWrite = call.method !== undefined && call.method !== "GET";
    let grace: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      if (isWrite) grace = setTimeout(() => deadline.abort(), ANSWER_GRACE_MS);
      else deadline.abort();
    };
    call.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await run(deadline.signal);
    } catch (error) {
      throw translated(call.label, error);
    } finally {
      clearTimeout(timer);
      clearTimeout(grace);
      call.signal?.removeEventListener("abort", onAbort);
    }
  }
}

/** The SDK keeps nothing of a failed request but its message, unless it is called an abort. */
function passedThrough(cause: unknown): Error {
  const error = new Error("the request failed", { cause });
  error.name = "AbortError";
  return error;
}

/** A path with its parts encoded: `path("rooms", roomId, "messages")`. */
export function clientPath(...parts: readonly string[]): string {
  return `/_matrix/client/v3/${parts.map(encodeURIComponent).join("/")}`;
}

function queryOf(call: Omit<MatrixCall, "body" | "method">): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query[name] = String(value);
  if (call.asUser !== undefined) query["user_id"] = call.asUser;
  return query;
}

function errcodeIn(bytes: Uint8Array): string | undefined {
  try {
    const errcode = asRecord(JSON.parse(Buffer.from(bytes).toString("utf8")))?.["errcode"];
    return typeof errcode === "string" ? errcode : undefined;
  } catch {
    return undefined;
  }
}

function translated(label: string, error: unknown): Error {
  if (error instanceof ParleyError) return error;
  if (error instanceof Error && error.name === "AbortError" && error.cause instanceof ParleyError) return error.cause;
  if (!(error instanceof Error)) return transportError(label, error);
  if (error instanceof MatrixError)
    return refusalError(label, {
      status: error.httpStatus ?? 0,
      errcode: error.errcode === "" ? undefined : error.errcode,
      retryAfterMs: pauseOf(error),
    });
  if ("httpStatus" in error && typeof error.httpStatus === "number")
    return refusalError(label, { status: error.httpStatus, errcode: undefined, retryAfterMs: undefined });
  return transportError(label, error);
}

/** `retry_after_ms` in the body is older than the header of the same meaning; servers send either. */
function pauseOf(error: MatrixError): number | undefined {
  const inBody: unknown = error.data["retry_after_ms"];
  if (typeof inBody === "number" && Number.isFinite(inBody) && inBody >= 0) return Math.ceil(inBody);
  return parseRetryAfterMs(error.httpHeaders?.get("retry-after") ?? undefined, Date.now());
}
