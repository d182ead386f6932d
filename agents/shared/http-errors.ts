import { errors } from "undici";
import { type ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeThrown } from "./describe-fault.ts";
import { findInCauses, findParleyError } from "./error-causes.ts";
import { parseRetryAfterMs } from "./retry-after.ts";

const UNREACHABLE = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "EADDRNOTAVAIL",
  "UND_ERR_CLOSED",
  "UND_ERR_DESTROYED",
]);
const SILENT = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);
const BROKEN_OFF = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"]);

/**
 * Guarantees a ParleyError for whatever an HTTP call threw: AGENT_UNAVAILABLE when no connection came about, AGENT_TIMEOUT for silence,
 * AGENT_CRASHED when the connection broke, AGENT_REPLY_INVALID when it is not HTTP. Names codes alone, never addresses with their paths.
 */
export function httpFailureToError(thrown: unknown): ParleyError {
  const own = findParleyError(thrown);
  if (own !== undefined) return own;
  const unparsed = findInCauses(thrown, (error) => error instanceof errors.HTTPParserError);
  if (unparsed !== undefined) return parserFailureToError(unparsed);
  const code = findCode(thrown);
  if (code === undefined)
    return new ParleyError("AGENT_UNAVAILABLE", { detail: `the call failed (${describeThrown(thrown)})` });
  if (SILENT.has(code)) return new ParleyError("AGENT_TIMEOUT", { detail: "the agent sent nothing in time" });
  if (BROKEN_OFF.has(code))
    return new ParleyError("AGENT_CRASHED", {
      detail: `the agent closed the connection before its answer was complete (${code})`,
    });
  if (code === "UND_ERR_HEADERS_OVERFLOW")
    return new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: "the answer's headers are too large" });
  const detail = UNREACHABLE.has(code) ? `no connection came about (${code})` : `the call failed (${code})`;
  return new ParleyError("AGENT_UNAVAILABLE", { detail });
}

/** A connection that ends within a body is for the parser a violation of HTTP like any other, told by its message alone. */
function parserFailureToError(thrown: Error): ParleyError {
  if (thrown.message.includes("EOF")) {
    return new ParleyError("AGENT_CRASHED", {
      detail: "the agent closed the connection before its answer was complete",
    });
  }
  return new ParleyError("AGENT_REPLY_INVALID", { detail: "the answer is not HTTP" });
}

function findCode(thrown: unknown): string | undefined {
  const withCode = findInCauses(thrown, (error) => "code" in error && typeof error.code === "string");
  return withCode !== undefined && "code" in withCode && typeof withCode.code === "string" ? withCode.code : undefined;
}

export interface FailedResponse {
  readonly status: number;
  readonly retryAfter: string | null | undefined;
  readonly nowMs: number;
}

const REASONS: Readonly<Record<number, string>> = {
  401: "it does not accept Parley's credentials",
  403: "it forbids the call",
  404: "there is nothing at this address",
  405: "it does not take POST",
  410: "it is gone for good; register a new address to use this agent again",
  413: "the request is too large for it",
};

/** Guarantees the error of a response that is no success; its body is not read, since it may quote the request. */
export function failedResponseToError(response: FailedResponse): ParleyError {
  const { status } = response;
  // Of what failed within the agent nobody knows whether it acted: only a schedule that the agent knows of tries it again.
  const facts = { httpStatus: status, ...(status === 410 && { disable: true }), ...(status >= 500 && { again: true }) };
  const reason = REASONS[status];
  const said = `the agent answered with HTTP ${status}`;
  const detail = reason === undefined ? said : `${said}: ${reason}`;
  const code = codeOf(status);
  if (code === "AGENT_UNAVAILABLE" || facts.again) {
    const retryAfterMs = parseRetryAfterMs(response.retryAfter, response.nowMs);
    return new ParleyError(code, { detail, facts, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  }
  if (status >= 300 && status < 400) {
    return new ParleyError(code, {
      detail: `${said}: redirects are not followed; register the address it leads to`,
      facts,
    });
  }
  return new ParleyError(code, { detail, facts });
}

function codeOf(status: number): ErrorCode {
  if (status === 429 || status === 502 || status === 503 || status === 504) return "AGENT_UNAVAILABLE";
  if (status === 408) return "AGENT_TIMEOUT";
  if (status >= 500) return "AGENT_CRASHED";
  if (status >= 400) return "AGENT_REFUSED";
  return "AGENT_REPLY_INVALID";
}
