import { A2A_ERROR_CODE } from "@a2a-js/sdk/errors";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ErrorCode } from "../../errors/codes.ts";
import { toKnownError } from "../error-answers.ts";

/** What was asked for wrongly; who asks, how often and what broke inside are told by HTTP alone, as A2A wants it. */
const OF_THE_REQUEST: ReadonlySet<ErrorCode> = new Set([
  "REQUEST_INVALID",
  "PAYLOAD_MALFORMED",
  "PAYLOAD_TOO_LARGE",
  "NOT_FOUND",
  "CONFLICT",
]);
const CODES: Partial<Record<ErrorCode, number>> = { CONFLICT: A2A_ERROR_CODE.UNSUPPORTED_OPERATION };
const NOT_JSON: ReadonlySet<unknown> = new Set(["FST_ERR_CTP_INVALID_JSON_BODY", "FST_ERR_CTP_EMPTY_JSON_BODY"]);

/**
 * Guarantees an error of JSON-RPC, under the status that it has anyway, for a call that fails before its method is looked at: -32700 for what is
 * no JSON, -32004 for an agent that is paused, -32600 for anything else that was asked for wrongly, an agent or room that is not there among it.
 * Throws the rest.
 */
export function answerRpcError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { code, detail, row } = toKnownError(error);
  if (request.method !== "POST" || !OF_THE_REQUEST.has(code)) throw error;
  const isNotJson =
    error instanceof SyntaxError || (error instanceof Error && "code" in error && NOT_JSON.has(error.code));
  return reply
    .code(row.status)
    .header("cache-control", "no-store")
    .type("application/json; charset=utf-8")
    .send({
      jsonrpc: "2.0",
      id: idOf(request.body),
      error: {
        code: isNotJson ? A2A_ERROR_CODE.PARSE_ERROR : (CODES[code] ?? A2A_ERROR_CODE.INVALID_REQUEST),
        message: detail ?? row.userText,
      },
    });
}

function idOf(body: unknown): string | number | null {
  const id: unknown = typeof body === "object" && body !== null && "id" in body ? body.id : null;
  return typeof id === "string" || typeof id === "number" ? id : null;
}
