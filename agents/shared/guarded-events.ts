import { createParser } from "eventsource-parser";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { bodyTooLarge } from "./bounded-body.ts";
import { JsonGuard } from "./json-guard.ts";

export interface EventLimits {
  /** Most bytes of the whole stream. */
  readonly maxBytes: number;
  /** Most characters of one event. */
  readonly maxEventChars: number;
  /** Says of an event that the answer ends with it: whatever comes after is not read. Default: the answer ends with its stream. */
  readonly isLast?: (event: ServerSentEvent) => boolean;
}

export interface ServerSentEvent {
  readonly event?: string | undefined;
  readonly data: string;
}

/**
 * Guarantees server-sent events that are cheap to parse as JSON, written anew one by one: for a reader of its own that knows no limits.
 *
 * Each event is judged whole, as its reader will see it, however its lines were broken. Comments and other fields are left out.
 * Throws AGENT_REPLY_TOO_LARGE, or AGENT_REPLY_INVALID for what is nested too deeply or no UTF-8. Rules of the format: WHATWG HTML, section 9.2.
 */
export async function* guardedEvents(body: AsyncIterable<Uint8Array>, limits: EventLimits): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const encoder = new TextEncoder();
  const ready: ServerSentEvent[] = [];
  let isTooLarge = false;
  const parser = createParser({
    onEvent: (event) => ready.push(event),
    onError: (error) => {
      isTooLarge ||= error.type === "max-buffer-size-exceeded";
    },
    maxBufferSize: limits.maxEventChars,
  });
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > limits.maxBytes) throw bodyTooLarge(limits.maxBytes);
    parser.feed(decode(decoder, chunk));
    if (isTooLarge) throw bodyTooLarge(limits.maxEventChars);
    if (ready.length === 0) continue;
    let text = "";
    let hasEnded = false;
    for (const one of ready.splice(0)) {
      const { event, data } = one;
      const guard = new JsonGuard();
      guard.push(encoder.encode(data));
      const lines = data.split("\n").map((line) => `data: ${line}\n`);
      text += `${event === undefined ? "" : `event: ${event}\n`}${lines.join("")}\n`;
      hasEnded = limits.isLast?.(one) === true;
      if (hasEnded) break;
    }
    yield encoder.encode(text);
    if (hasEnded) return;
  }
}

function decode(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the answer is not UTF-8" });
  }
}
