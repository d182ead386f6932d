import cookie from "@fastify/cookie";
import multipart from "@fastify/multipart";
import rateLimit from "@fastify/rate-limit";
import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { MAX_CLIENT_FRAME_BYTES } from "./room-socket.ts";

/** Largest JSON body, in bytes: the longest post as three-byte characters, with room for the rest. */
const MAX_JSON_BYTES = 128 * 1024;

/** A scope whose routes take their types from zod schemas. */
export type WebServer = ReturnType<typeof withZod>;

/** Gives the scope the types of zod schemas. Synchronous: a scope can be awaited, so an async function must not return one. */
export function withZod(server: FastifyInstance) {
  return server.withTypeProvider<ZodTypeProvider>();
}

/**
 * Makes a scope of the server fit for the web room: cookies, uploads, sockets, limits, and JSON as the only other kind of body.
 *
 * Plugins that the server as a whole has already are taken from it; this is the one file of the adapter that knows Fastify's plugins.
 */
export async function prepareScope(
  scope: FastifyInstance,
  options: { maxUploadBytes: number; requestsPerMinute: number; keyOf: (request: FastifyRequest) => string },
): Promise<void> {
  if (!scope.hasRequestDecorator("cookies")) await scope.register(cookie);
  await scope.register(multipart, {
    limits: { files: 1, fields: 0, parts: 1, headerPairs: 20, fileSize: options.maxUploadBytes + 1 },
    throwFileSizeLimit: false,
  });
  if (!scope.hasDecorator("injectWS")) {
    await scope.register(websocket, {
      options: { maxPayload: MAX_CLIENT_FRAME_BYTES, perMessageDeflate: false },
      // A client that broke the protocol or its line: nothing that an operator has to know.
      errorHandler: (_error, socket) => socket.terminate(),
    });
  }
  await scope.register(rateLimit, {
    global: true,
    max: options.requestsPerMinute,
    timeWindow: 60_000,
    keyGenerator: options.keyOf,
    errorResponseBuilder: (_request, context) => new ParleyError("RATE_EXCEEDED", { retryAfterMs: context.ttl }),
  });
  scope.setValidatorCompiler(validatorCompiler);
  // Answers are made from typed views and need no second look; schemas with transforms could not be turned back anyway.
  scope.setSerializerCompiler(() => JSON.stringify);
  acceptJsonAlone(scope);
}

/** A page of another site can send text and forms without asking; JSON it cannot. */
function acceptJsonAlone(scope: FastifyInstance): void {
  scope.removeContentTypeParser(["text/plain", "application/json"]);
  const parse = scope.getDefaultJsonParser("error", "error");
  scope.addContentTypeParser(
    "application/json",
    { parseAs: "string", bodyLimit: MAX_JSON_BYTES },
    (request, body, done) => {
      // An empty body with the JSON type is what many clients send with DELETE.
      if (body === "") done(null, undefined);
      // The parser calls back; what it returns is nothing.
      else void parse(request, typeof body === "string" ? body : body.toString("utf8"), done);
    },
  );
}
