import { ReadableStream } from "node:stream/web";
import { StreamResponse } from "@a2a-js/sdk";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { MAX_ANSWER_BYTES, readJsonBody } from "../shared/bounded-body.ts";
import { guardedEvents } from "../shared/guarded-events.ts";
import type { GuardedHttp, HttpAnswer } from "../shared/guarded-http.ts";
import { failedResponseToError } from "../shared/http-errors.ts";
import { throwIfRequestRefused } from "./errors.ts";

/** Most bytes of an answer that says what is wrong. */
const MAX_FAILURE_BYTES = 65_536;
/** Most characters of one event: a file in base64 and what is around it. */
const MAX_EVENT_CHARS = 4_194_304;

export interface AgentFetchOptions {
  readonly http: GuardedHttp;
  /** Sent with each call; which addresses get them is decided by who makes this. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly firstByteTimeoutMs: number;
}

/**
 * Guarantees that the SDK's calls go through the guarded HTTP client: checked addresses, no redirects, bounded answers that are cheap to parse.
 *
 * A failure that is no answer of the protocol throws a ParleyError before the SDK reads it. A whole answer where a stream was asked for is
 * handed on as a stream of one event, since cards are wrong about streaming.
 */
export function createAgentFetch(options: AgentFetchOptions): typeof globalThis.fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init?.headers);
    for (const [name, value] of Object.entries(options.credentials)) headers.set(name, value);
    headers.set("user-agent", "Parley/1");
    const answer = await options.http.call(url, {
      method: methodOf(init?.method),
      headers: Object.fromEntries(headers),
      ...(typeof init?.body === "string" ? { body: init.body } : {}),
      signal: init?.signal ?? AbortSignal.timeout(options.firstByteTimeoutMs),
      firstByteTimeoutMs: options.firstByteTimeoutMs,
    });
    try {
      return await toResponse(answer, url, headers.get("accept") ?? "");
    } catch (thrown) {
      answer.discard();
      throw thrown;
    }
  };
}

function methodOf(method: string | undefined): "GET" | "POST" | "DELETE" {
  return method === "POST" || method === "DELETE" ? method : "GET";
}

async function toResponse(answer: HttpAnswer, url: string, accept: string): Promise<Response> {
  const contentType = answer.header("content-type") ?? "";
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(contentType);
  const wantsStream = accept.startsWith("text/event-stream");
  if (answer.status < 200 || answer.status >= 300) {
    if (!isJson) throw failureOf(answer);
    const failure = await readJsonBody(answer.body, MAX_FAILURE_BYTES).catch((): undefined => undefined);
    if (!isProtocolFailure(failure)) throw failureOf(answer);
    throwIfRequestRefused(failure);
    return Response.json(failure, { status: answer.status });
  }
  if (wantsStream && /^text\/event-stream\b/i.test(contentType)) {
    const events = guardedEvents(answer.body, { maxBytes: MAX_ANSWER_BYTES, maxEventChars: MAX_EVENT_CHARS });
    const isPlain = /:(stream|subscribe)\b/.test(new URL(url).pathname);
    return streamed(ReadableStream.from(isPlain ? readable(events) : events));
  }
  if (answer.status === 204) return new Response(null, { status: 204 });
  if (!isJson) {
    throw new ParleyError("AGENT_REPLY_INVALID", {
      detail:
        "the agent's answer is neither JSON nor a stream of events: its address is probably not where A2A is spoken",
    });
  }
  const body = await readJsonBody(answer.body);
  throwIfRequestRefused(body);
  return wantsStream ? streamed(`data: ${JSON.stringify(body)}\n\n`) : Response.json(body);
}

function streamed(body: ReadableStream | string): Response {
  // Node's stream and the DOM's are the same object at run time; their type declarations differ.
  return new Response(body as unknown as BodyInit, { status: 200, headers: { "content-type": "text/event-stream" } });
}

/** The SDK prints what it cannot read of a plain HTTP stream, so nothing unreadable gets there. */
async function* readable(events: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder();
  for await (const batch of events) {
    for (const event of decoder.decode(batch).split("\n\n")) {
      const lines = event.split("\n").filter((line) => line.startsWith("data: "));
      if (lines.length > 0 && !event.startsWith("event: error"))
        assertReadable(lines.map((line) => line.slice(6)).join("\n"));
    }
    yield batch;
  }
}

function assertReadable(data: string): void {
  try {
    StreamResponse.fromJSON(JSON.parse(data));
  } catch {
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "an event of the agent's answer cannot be read" });
  }
}

/** Whether a failure speaks of the protocol: JSON-RPC's error, or the status of the HTTP binding. */
function isProtocolFailure(body: unknown): boolean {
  if (typeof body !== "object" || body === null) return false;
  const isRpc = "jsonrpc" in body && "error" in body;
  const isStatus = "error" in body && typeof body.error === "object" && body.error !== null && "details" in body.error;
  const isOldStatus = "code" in body && "message" in body && typeof body.code === "number";
  return isRpc || isStatus || isOldStatus;
}

function failureOf(answer: HttpAnswer): ParleyError {
  return failedResponseToError({
    status: answer.status,
    retryAfter: answer.header("retry-after"),
    nowMs: Date.now(),
  });
}
