import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { DEFAULT_RETRY_AFTER_MS } from "../shared/retry-after.ts";

/** What the homeserver's own error codes mean here. https://spec.matrix.org/v1.19/client-server-api/#standard-error-response */
const rows: readonly (readonly [ErrorCode, readonly string[]])[] = [
  [
    "PLATFORM_UNAUTHORIZED",
    ["M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED", "M_USER_LOCKED", "M_USER_SUSPENDED"],
  ],
  [
    "PLATFORM_FORBIDDEN",
    ["M_FORBIDDEN", "M_GUEST_ACCESS_FORBIDDEN", "M_UNAUTHORIZED", "M_CONSENT_NOT_GIVEN", "M_EXCLUSIVE"],
  ],
  ["TARGET_NOT_FOUND", ["M_NOT_FOUND"]],
  [
    "CONTENT_REJECTED",
    [
      "M_TOO_LARGE",
      "M_BAD_JSON",
      "M_NOT_JSON",
      "M_INVALID_PARAM",
      "M_MISSING_PARAM",
      "M_DUPLICATE_ANNOTATION",
      "M_UNKNOWN",
    ],
  ],
  ["FEATURE_UNSUPPORTED", ["M_UNRECOGNIZED", "M_UNSUPPORTED_ROOM_VERSION", "M_INCOMPATIBLE_ROOM_VERSION"]],
  ["PLATFORM_UNAVAILABLE", ["M_RESOURCE_LIMIT_EXCEEDED", "M_NOT_YET_UPLOADED"]],
];

const codeOfErrcode = new Map<string, ErrorCode>(
  rows.flatMap(([code, names]) => names.map((name) => [name, code] as const)),
);
const ERRCODE = /^[A-Z0-9_.]{1,80}$/u;

export interface Refusal {
  readonly status: number;
  /** The homeserver's code; undefined when something else answered (a proxy). */
  readonly errcode: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** The error of an answer that is no success. Only a refusal in the homeserver's own words says for certain that nothing happened. */
export function refusalError(label: string, { status, errcode, retryAfterMs }: Refusal): ParleyError {
  const shown = errcode !== undefined && ERRCODE.test(errcode) ? errcode : "no code";
  const facts = { call: label, status, errcode: shown };
  if (status === 429 || errcode === "M_LIMIT_EXCEEDED")
    return new ParleyError("PLATFORM_RATE_LIMITED", {
      detail: `the homeserver limits ${label}`,
      retryAfterMs: retryAfterMs ?? DEFAULT_RETRY_AFTER_MS,
      facts,
    });
  const detail = `${label} was answered with HTTP ${status} (${shown})`;
  if (status >= 500) return new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail, facts });
  const code = errcode === undefined ? "PLATFORM_UNAVAILABLE" : (codeOfErrcode.get(errcode) ?? "CONTENT_REJECTED");
  return new ParleyError(code, { detail, facts });
}

/** Codes of failures before a single byte left. */
const NOT_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The error of a call that ended without an answer that can be read. */
export function transportError(label: string, cause: unknown): ParleyError {
  const reason = reasonOf(cause);
  const facts = { call: label, reason };
  return NOT_CONNECTED.has(reason)
    ? new ParleyError("PLATFORM_UNAVAILABLE", { detail: `${label} could not be sent (${reason})`, facts, cause })
    : new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: `${label} got no answer (${reason})`, facts, cause });
}

/** Whether the call had no answer of the homeserver's own: it may have died, or be restarting. */
export function isUnanswered(error: unknown): boolean {
  if (!(error instanceof ParleyError)) return false;
  const { reason, status, errcode } = error.facts;
  return typeof reason === "string" || (typeof status === "number" && status >= 500 && errcode === "no code");
}

/** The code of the innermost failure that has one, else its name. */
function reasonOf(error: unknown): string {
  let current: unknown = error;
  let name = "unknown";
  for (let depth = 0; depth < 6 && current instanceof Error; depth++) {
    if ("code" in current && typeof current.code === "string") return current.code;
    name = current.name;
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return name;
}

/** The homeserver's own code of a failure, when it was the homeserver that refused. */
export function errcodeOf(error: unknown): string | undefined {
  const code = error instanceof ParleyError ? error.facts["errcode"] : undefined;
  return typeof code === "string" && code !== "no code" ? code : undefined;
}
