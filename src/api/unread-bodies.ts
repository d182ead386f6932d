import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";

/** A body that announces no more than this is let in after its answer, so that whoever still sends it reads the answer. */
const MAX_LEFT_BYTES = 65_536;
/** For so long, in ms. */
const LEFT_TIMEOUT_MS = 1_000;

/**
 * Guarantees that nobody goes on sending a body that was already answered: Node would read all of it, up to 2 MiB at a time, while
 * everybody else waits (security rule R12).
 *
 * A long body, or one of unknown length, ends its connection with the answer; a short one has a second to arrive.
 */
export function endUnreadBodies(server: FastifyInstance): void {
  server.addHook("onSend", (request, reply, payload, done) => {
    const { raw } = request;
    if (hasBody(raw) && !raw.complete) {
      if (isShort(raw)) reply.raw.once("finish", () => endUnlessComplete(raw));
      else void reply.header("connection", "close");
    }
    done(null, payload);
  });
}

/** Whether a request announces a body. */
export function hasBody(raw: IncomingMessage): boolean {
  return raw.headers["transfer-encoding"] !== undefined || Number(raw.headers["content-length"] ?? 0) > 0;
}

function isShort(raw: IncomingMessage): boolean {
  return raw.headers["transfer-encoding"] === undefined && Number(raw.headers["content-length"]) <= MAX_LEFT_BYTES;
}

function endUnlessComplete(raw: IncomingMessage): void {
  if (raw.complete) return;
  const { socket } = raw;
  setTimeout(() => {
    if (!raw.complete) socket.destroy();
  }, LEFT_TIMEOUT_MS).unref();
}
