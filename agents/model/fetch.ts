import { ReadableStream } from "node:stream/web";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { guardedEvents, type ServerSentEvent } from "../shared/guarded-events.ts";
import type { GuardedHttp } from "../shared/guarded-http.ts";
import type { ModelConfig } from "./config.ts";
import { modelResponseToError } from "./errors.ts";

/** Most bytes of one streamed answer of a model, its framing included. */
export const MAX_MODEL_ANSWER_BYTES = 8_388_608;
/** Most characters of one event of it. */
export const MAX_MODEL_EVENT_CHARS = 1_048_576;

/** The SDK reads on after the mark that ends an answer, and would take a second one for more of the first. */
const IS_LAST: Readonly<Record<ModelConfig["provider"], (event: ServerSentEvent) => boolean>> = {
  "openai-compatible": ({ data }) => data.trim() === "[DONE]",
  anthropic: ({ event }) => event === "message_stop",
};

export interface ModelFetchOptions {
  readonly http: GuardedHttp;
  readonly provider: ModelConfig["provider"];
  readonly signal: AbortSignal;
  readonly firstByteTimeoutMs: number;
  /** Names the call that is about to be made: equal on every attempt of a turn. */
  readonly idempotencyKey: () => string;
}

/**
 * Guarantees that the AI SDK's calls go through the guarded HTTP client: checked addresses, no redirects, bounded answers that end with their end mark.
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
    const stream = ReadableStream.from(
      guardedEvents(answer.body, {
        maxBytes: MAX_MODEL_ANSWER_BYTES,
        maxEventChars: MAX_MODEL_EVENT_CHARS,
        isLast: IS_LAST[options.provider],
      }),
    );
    // Node's stream and the DOM's are the same object at run time; their type declarations differ.
    return new Response(stream as unknown as BodyInit, { status: 200, headers: { "content-type": contentType } });
  };
}
