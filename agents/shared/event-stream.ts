import { createParser } from "eventsource-parser";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { bodyTooLarge, MAX_ANSWER_BYTES } from "./bounded-body.ts";
import { parseGuardedJson } from "./json-guard.ts";

/**
 * Guarantees the `data` of each server-sent event as a JSON value, in order and within limits; comments and other fields are skipped.
 *
 * Rules of the format: WHATWG HTML, section 9.2 (server-sent events).
 */
export async function* readEventStream(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number = MAX_ANSWER_BYTES,
): AsyncGenerator<unknown> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const ready: string[] = [];
  const parser = createParser({ onEvent: (event) => ready.push(event.data), maxBufferSize: maxBytes });
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw bodyTooLarge(maxBytes);
    feed(() => parser.feed(decoder.decode(chunk, { stream: true })));
    for (const data of ready.splice(0)) yield parseGuardedJson(data);
  }
}

function feed(step: () => void): void {
  try {
    step();
  } catch {
    throw new ParleyError("AGENT_REPLY_INVALID", {
      detail: "the answer is not a stream of server-sent events in UTF-8",
    });
  }
}
