import { MAX_ARTIFACT_BYTES, MAX_REPLY_BYTES } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { JsonGuard, parseJson } from "./json-guard.ts";
import { MAX_REPLY_EVENTS } from "./reply-guard.ts";

/** Most bytes read of one answer: its files in base64, its text with every character escaped, and room for field names. */
export const MAX_ANSWER_BYTES = Math.ceil((MAX_ARTIFACT_BYTES * 4) / 3) + 6 * MAX_REPLY_BYTES + 65_536;

const LINE_FEED = 0x0a;

/** Guarantees the JSON value of a body, read no further than its limits; throws AGENT_REPLY_TOO_LARGE or AGENT_REPLY_INVALID. */
export async function readJsonBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number = MAX_ANSWER_BYTES,
): Promise<unknown> {
  const buffer = new ByteBuffer();
  for await (const chunk of guardedJson(body, maxBytes)) buffer.push(chunk);
  return parseJson(decodeUtf8(buffer.take()));
}

/** Guarantees the chunks of a JSON body as they come, none beyond what is cheap to parse; throws AGENT_REPLY_TOO_LARGE or AGENT_REPLY_INVALID. */
export async function* guardedJson(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  const guard = new JsonGuard();
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw bodyTooLarge(maxBytes);
    guard.push(chunk);
    yield chunk;
  }
}

/** Guarantees each non-empty line of a body as a JSON value, as soon as its end arrived; a rest without line end counts as a line. */
export async function* readJsonLines(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number = MAX_ANSWER_BYTES,
): AsyncGenerator<unknown> {
  const line = new ByteBuffer();
  let guard = new JsonGuard();
  let sizeBytes = 0;
  let lineCount = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw bodyTooLarge(maxBytes);
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      // Empty lines give no event, so the limit on events does not stop a flood of them.
      lineCount += 1;
      if (lineCount > MAX_REPLY_EVENTS) throw bodyTooLarge(maxBytes);
      const piece = chunk.subarray(start, end);
      guard.push(piece);
      line.push(piece);
      yield* lineToValue(line);
      guard = new JsonGuard();
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    guard.push(rest);
    line.push(rest);
  }
  yield* lineToValue(line);
}

function* lineToValue(line: ByteBuffer): Generator<unknown> {
  const text = decodeUtf8(line.take()).trim();
  if (text !== "") yield parseJson(text);
}

/** Guarantees text of valid UTF-8, without a byte order mark; throws AGENT_REPLY_INVALID. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the answer is not UTF-8" });
  }
}

export function bodyTooLarge(maxBytes: number): ParleyError {
  return new ParleyError("AGENT_REPLY_TOO_LARGE", {
    detail: `the answer is larger than ${maxBytes} bytes, or has too many lines`,
  });
}
