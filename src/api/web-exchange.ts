import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Headers that belong to the connection and not to the message. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "expect",
]);

/**
 * Guarantees that a web-standard handler answers a request of Fastify: headers and bytes as they came, the answer streamed as it grows, and the
 * request's signal aborted once the client has gone.
 */
export async function answerByWebHandler(
  request: FastifyRequest,
  reply: FastifyReply,
  handle: (request: Request) => Promise<Response>,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  const response = await handle(toRequest(request, gone.signal));
  void reply.code(response.status);
  for (const [name, value] of response.headers) if (!HOP_BY_HOP.has(name)) void reply.header(name, value);
  if (response.body === null) return await reply.send();
  const body = Readable.from(chunksOf(response.body));
  // A client that leaves in the middle of an answer is no failure of anybody.
  body.on("error", () => reply.raw.destroy());
  return await reply.send(body);
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function toRequest(request: FastifyRequest, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || HOP_BY_HOP.has(name)) continue;
    for (const one of [value].flat()) headers.append(name, one);
  }
  const bodied = request.method !== "GET" && request.method !== "HEAD" && Buffer.isBuffer(request.body);
  return new Request(new URL(request.url, `${request.protocol}://${request.host}`), {
    method: request.method,
    headers,
    signal,
    ...(bodied ? { body: new Uint8Array(request.body as Buffer) } : {}), // looked at just above
  });
}
