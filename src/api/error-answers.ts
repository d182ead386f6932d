import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from "fastify-type-provider-zod";
import type { Logger } from "../contracts/logger.ts";
import { ParleyError } from "../errors/parley-error.ts";

const MAX_LISTED_FAULTS = 50;
const SERVER_FAULT = 500;

/** Guarantees `{ error: { code, message, detail? } }` with the table's status for whatever fails, and never a stack trace. */
export function answerErrors(server: FastifyInstance, logger: Logger): void {
  server.setErrorHandler<FastifyError>((error, request, reply) => answer(error, request, reply, logger));
  server.setNotFoundHandler((_request, reply) => send(reply, new ParleyError("NOT_FOUND")));
}

/** Answers one error; for Fastify's own errors before routing, too. */
export function answer(error: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger): FastifyReply {
  const known = toKnownError(error);
  if (known.row.status >= SERVER_FAULT) {
    // The route's pattern and not the address: addresses may hold secrets.
    logger.error(
      { error, code: known.code, method: request.method, route: request.routeOptions.url ?? "none" },
      "request failed",
    );
  }
  return send(reply, known);
}

function send(reply: FastifyReply, error: ParleyError): FastifyReply {
  if (error.row.status === 401) void reply.header("www-authenticate", "Bearer");
  if (error.retryAfterMs !== undefined)
    void reply.header("retry-after", Math.max(1, Math.ceil(error.retryAfterMs / 1_000)));
  const body = {
    code: error.code,
    message: error.row.userText,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  };
  // Not through a route's response schema, which describes success.
  return reply
    .code(error.row.status)
    .header("cache-control", "no-store")
    .type("application/json; charset=utf-8")
    .serializer(JSON.stringify)
    .send({ error: body });
}

/** Guarantees the ParleyError of whatever a request failed with. */
export function toKnownError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const faults = error.validation.map(({ instancePath, message }) => {
      const place = [error.validationContext, ...instancePath.split("/").filter(Boolean)].filter(Boolean).join(".");
      return `${place}: ${message ?? "is not valid"}`;
    });
    return new ParleyError("REQUEST_INVALID", { detail: faults.slice(0, MAX_LISTED_FAULTS).join("; ") });
  }
  if (isResponseSerializationError(error)) return new ParleyError("INVARIANT_BROKEN", { cause: error });
  return fromStatus(error);
}

/** Fastify and its plugins name their errors by status; their messages are not ours to pass on. */
function fromStatus(error: unknown): ParleyError {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  switch (status) {
    case 400:
    case 415:
      return new ParleyError("PAYLOAD_MALFORMED", {
        detail: "the body is no JSON of the declared kind, or the address is malformed",
      });
    case 404:
      return new ParleyError("NOT_FOUND");
    case 413:
      return new ParleyError("PAYLOAD_TOO_LARGE");
    case 414:
      return new ParleyError("REQUEST_INVALID", { detail: "a part of the address is too long" });
    case 429:
      return new ParleyError("RATE_EXCEEDED");
    default:
      return new ParleyError("INVARIANT_BROKEN", { cause: error });
  }
}
