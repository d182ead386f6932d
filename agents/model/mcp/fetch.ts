import { ReadableStream } from "node:stream/web";
import { guardedJson } from "../../shared/bounded-body.ts";
import { guardedEvents } from "../../shared/guarded-events.ts";
import type { GuardedHttp, HttpAnswer } from "../../shared/guarded-http.ts";

/** Most bytes of one answer of a server. */
export const MAX_MCP_ANSWER_BYTES = 2_097_152;
const MAX_ERROR_BYTES = 16_384;
/** How long a session's end may take to be told, in ms; the turn is over by then. */
const GOODBYE_MS = 700;

export interface McpFetchOptions {
  readonly http: GuardedHttp;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Guarantees that an MCP client reaches checked addresses alone, follows no redirect and reads bounded answers that are cheap to parse.
 *
 * The stream that older servers offer for messages of their own is declined: nothing of it is for a single turn.
 */
export function createMcpFetch(options: McpFetchOptions): typeof globalThis.fetch {
  const { http, timeoutMs } = options;
  return async (input, init) => {
    const method = init?.method ?? "GET";
    if (method === "GET") return new Response(null, { status: 405 });
    const isGoodbye = method === "DELETE";
    const signals = isGoodbye ? [AbortSignal.timeout(GOODBYE_MS)] : [options.signal, init?.signal ?? []].flat();
    const answer = await http.call(input instanceof Request ? input.url : input, {
      method: isGoodbye ? "DELETE" : "POST",
      headers: Object.fromEntries(new Headers(init?.headers)),
      ...(typeof init?.body === "string" && { body: init.body }),
      signal: AbortSignal.any(signals),
      firstByteTimeoutMs: timeoutMs,
    });
    return toResponse(answer);
  };
}

/** Statuses whose body says something; a redirect says nothing that is followed. */
function hasBody(status: number): boolean {
  return status === 200 || status >= 400;
}

function toResponse(answer: HttpAnswer): Response {
  const headers = new Headers();
  for (const name of ["content-type", "mcp-session-id"]) {
    const value = answer.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  if (!hasBody(answer.status)) {
    answer.discard();
    return new Response(null, { status: answer.status, headers });
  }
  const isEvents = /^text\/event-stream\b/i.test(answer.header("content-type") ?? "");
  const maxBytes = answer.status === 200 ? MAX_MCP_ANSWER_BYTES : MAX_ERROR_BYTES;
  const body =
    isEvents && answer.status === 200
      ? guardedEvents(answer.body, { maxBytes, maxEventChars: maxBytes })
      : guardedJson(answer.body, maxBytes);
  // Node's stream and the DOM's are the same object at run time; their type declarations differ.
  return new Response(ReadableStream.from(body) as unknown as BodyInit, { status: answer.status, headers });
}
