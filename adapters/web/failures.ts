import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "../../src/contracts/logger.ts";
import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { ApiFailure } from "./protocol.ts";

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "PAYLOAD_MALFORMED",
  413: "PAYLOAD_TOO_LARGE",
  415: "PAYLOAD_MALFORMED",
  429: "RATE_EXCEEDED",
};

/** Answers every failure in the one form of the protocol; what went wrong inside is logged and not told. */
export function answerFailure(
  error: FastifyError | ParleyError,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger | undefined,
): FastifyReply {
  const failure = error instanceof ParleyError ? error : fromFastify(error);
  const { row, code } = failure;
  if (row.status >= 500) {
    // The route, not the address: an address holds ids that nobody needs in a log.
    logger?.error(
      { code, route: request.routeOptions.url ?? "unknown", cause: kindOf(error) },
      "web room: a request failed",
    );
  }
  const body: ApiFailure = {
    error: {
      code,
      message: row.status < 500 && failure.detail !== undefined ? failure.detail : row.userText,
      ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
      ...issuesOf(error),
    },
  };
  if (failure.retryAfterMs !== undefined) reply.header("retry-after", Math.ceil(failure.retryAfterMs / 1_000));
  // What is left of a body that was refused is not read: the connection cannot go on.
  if (row.status === 413) reply.header("connection", "close");
  return reply.code(row.status).send(body);
}

/** Name and code of what was thrown, never its words: those may quote what people wrote. */
function kindOf(error: FastifyError | ParleyError): string {
  const { cause } = error;
  const thrown: Error = cause instanceof Error ? cause : error;
  return "code" in thrown ? `${thrown.name} ${String(thrown.code)}` : thrown.name;
}

function fromFastify(error: FastifyError): ParleyError {
  if (error.validation !== undefined) return new ParleyError("REQUEST_INVALID", { cause: error });
  const code = BY_STATUS[error.statusCode ?? 500];
  return new ParleyError(code ?? "INVARIANT_BROKEN", { cause: error });
}

function issuesOf(error: FastifyError | ParleyError): Pick<ApiFailure["error"], "issues"> {
  if (error instanceof ParleyError || error.validation === undefined) return {};
  return {
    issues: error.validation.slice(0, 20).map((issue) => ({
      path: issue.instancePath,
      message: issue.message ?? "is not valid",
    })),
  };
}
