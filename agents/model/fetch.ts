import { ReadableStream } from "node:stream/web";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { bodyTooLarge } from "../shared/bounded-body.ts";
import type { GuardedHttp } from "../shared/guarded-http.ts";
import { JsonGuard } from "../shared/json-guard.ts";
import type { ModelConfig } from "./config.ts";
import { modelResponseToError } from "./errors.ts";

/** Most bytes of one streamed answer of a model, its framing included. */
export const MAX_MODEL_ANSWER_BYTES = 8_388_608;
/** Most bytes of one line of it. */
export const MAX_MODEL_LINE_BYTES = 1_048_576;

export interface ModelFetchOptions {
  readonly http: GuardedHttp;
  readonly provider: ModelConfig["provider"];
  readonly signal: AbortSignal;
  readonly firstByteTimeoutMs: number;
  /** Names the call that is about to be made: equal on every attempt of a turn. */
  readonly idempotencyKey: () => string;
}

/**
 * Guarantees that the AI SDK's calls go through the guarded HTTP client: checked addresses, no redirects, bounded answers.
 *
 * Responses that are no success, or no event stream, throw a ParleyError before the SDK reads them.
 */
export function createModelFetch(options: ModelFetchOptions): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await options.http.call(input instanceof Request ? input.url : input, {
      method: "POST",
      headers: { ...Object.fromEntries(new Headers(init?.headers)), "idempotency-key": options.idempotencyKey() },
      body: typeof init?.body === "string" ? init.body : "",
      signal: options.signal,
      firstByteTimeoutMs: options.firstByteTimeoutMs,
    });
    const contentType = answer.header("content-type") ?? "";
    if (answer.status !== 200) {
      const error = await modelResponseToError(answer, options.provider);
      answer.discard();
      throw error;
    }
    if (!/^text\/event-stream\b/i.test(contentType)) {
      answer.discard();
      throw new ParleyError("AGENT_REPLY_INVALID", {
        detail:
          "the model's endpoint did not answer with an event stream; its address is probably not where the API begins",
      });
    }
    const stream = ReadableStream.from(boundedLines(answer.body));
    // Node's stream and the DOM's are the same object at run time; their type declarations differ.
    return new Response(stream as unknown as BodyInit, { status: 200, headers: { "content-type": contentType } });
  };
}

const LINE_FEED = 0x0a;

/** Guarantees the bytes it is given as long as they stay within limits of size, line length and nesting. */
async function* boundedLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let totalBytes = 0;
  let lineBytes = 0;
  let guard = new JsonGuard();
  for await (const chunk of body) {
    totalBytes += chunk.byteLength;
    if (totalBytes > MAX_MODEL_ANSWER_BYTES) throw bodyTooLarge(MAX_MODEL_ANSWER_BYTES);
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      guard.push(chunk.subarray(start, end));
      guard = new JsonGuard();
      lineBytes = 0;
      start = end + 1;
    }
    lineBytes += chunk.byteLength - start;
    if (lineBytes > MAX_MODEL_LINE_BYTES) throw bodyTooLarge(MAX_MODEL_LINE_BYTES);
    guard.push(chunk.subarray(start));
    yield chunk;
  }
}
