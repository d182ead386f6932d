import { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebAPIRequestError } from "@slack/web-api";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { errorCodeOf, httpError, slackError, transportError } from "./errors.ts";

/** Translates what the Slack SDK throws; see the other functions for the meaning. */
export function fromSdkError(method: string, thrown: unknown): ParleyError {
  if (thrown instanceof ParleyError) return thrown;
  if (thrown instanceof WebAPIRateLimitedError)
    return new ParleyError("PLATFORM_RATE_LIMITED", {
      detail: `Slack limits ${method}`,
      retryAfterMs: thrown.retryAfter * 1000,
      facts: { method },
    });
  if (thrown instanceof WebAPIPlatformError) return slackError(method, thrown.data.error);
  if (thrown instanceof WebAPIHTTPError)
    return httpError(method, thrown.statusCode, thrown.headers["retry-after"], Date.now());
  if (thrown instanceof WebAPIRequestError)
    return transportError(method, thrown.original, !isConnectFailure(thrown.original));
  return transportError(method, thrown, true);
}

const CONNECT_FAILURES = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

function isConnectFailure(error: unknown): boolean {
  return (
    CONNECT_FAILURES.has(errorCodeOf(error)) ||
    (error instanceof Error && error.cause !== undefined && CONNECT_FAILURES.has(errorCodeOf(error.cause)))
  );
}
