/** Whose doing an error is; decides who is told. */
export type Fault = "request" | "config" | "auth" | "platform" | "agent" | "internal";
/** What may be done about it: nothing, the same again after a pause, or after the pause the other side named. */
export type Retry = "never" | "backoff" | "after";
/** What is certain about a platform write that ended in this error. */
export type DeliveryCertainty = "not_sent" | "unknown" | "not_applicable";

interface ErrorRow {
  readonly fault: Fault;
  readonly retry: Retry;
  readonly delivery: DeliveryCertainty;
  /** HTTP status when it leaves through the API. */
  readonly status: number;
  /** What a person in the conversation or at the API reads; never holds message text or secrets. */
  readonly userText: string;
}

const row = (fault: Fault, retry: Retry, delivery: DeliveryCertainty, status: number, userText: string): ErrorRow => ({
  fault,
  retry,
  delivery,
  status,
  userText,
});

/** Every code there is. A test compares this table with the documentation. */
export const ERROR_CODES = {
  SIGNATURE_MISSING: row("request", "never", "not_applicable", 401, "The request carries no signature."),
  SIGNATURE_INVALID: row("request", "never", "not_applicable", 401, "The signature does not match."),
  SIGNATURE_STALE: row(
    "request",
    "never",
    "not_applicable",
    401,
    "The timestamp is more than 300 seconds away from now.",
  ),
  PAYLOAD_TOO_LARGE: row("request", "never", "not_applicable", 413, "The body is larger than allowed."),
  PAYLOAD_MALFORMED: row("request", "never", "not_applicable", 400, "The body is not what this address takes."),
  REQUEST_INVALID: row("request", "never", "not_applicable", 400, "The request is not valid."),
  NOT_FOUND: row("request", "never", "not_applicable", 404, "There is no such thing here."),
  CONFLICT: row("request", "never", "not_applicable", 409, "It exists already or is in another state."),
  RATE_EXCEEDED: row("request", "after", "not_applicable", 429, "Too many requests; slow down."),
  UNAUTHENTICATED: row("auth", "never", "not_applicable", 401, "Sign in first."),
  PERMISSION_DENIED: row("auth", "never", "not_sent", 403, "You may not do that here."),
  CONFIG_INVALID: row("config", "never", "not_applicable", 500, "The configuration has faults."),
  CREDENTIAL_MISSING: row("config", "never", "not_sent", 500, "A credential is missing."),
  LEDGER_CONFIG_REFUSED: row("config", "never", "not_applicable", 500, "The database cannot be used as it is set up."),
  LEDGER_LOCKED: row("config", "never", "not_applicable", 500, "Another Parley process uses this data folder."),
  QUEUE_CONFIG_REFUSED: row("config", "never", "not_applicable", 500, "The queue cannot be used as it is set up."),
  LEDGER_UNAVAILABLE: row(
    "internal",
    "backoff",
    "not_sent",
    503,
    "The ledger cannot be reached; nothing was accepted.",
  ),
  QUEUE_UNAVAILABLE: row(
    "internal",
    "backoff",
    "not_sent",
    503,
    "The queue cannot be reached; work waits in the ledger.",
  ),
  INVARIANT_BROKEN: row("internal", "never", "not_sent", 500, "Something went wrong inside Parley."),
  LEASE_LOST: row("internal", "never", "not_sent", 500, "Another worker took this over."),
  PLATFORM_UNAUTHORIZED: row(
    "auth",
    "never",
    "not_sent",
    502,
    "The platform no longer accepts Parley's token; an operator must connect it again.",
  ),
  PLATFORM_FORBIDDEN: row("platform", "never", "not_sent", 502, "The platform does not let Parley post there."),
  PLATFORM_RATE_LIMITED: row("platform", "after", "not_sent", 502, "The platform asked to wait."),
  PLATFORM_UNAVAILABLE: row("platform", "backoff", "not_sent", 502, "The platform cannot be reached."),
  PLATFORM_OUTCOME_UNKNOWN: row(
    "platform",
    "backoff",
    "unknown",
    502,
    "The platform did not say whether the message arrived.",
  ),
  TARGET_NOT_FOUND: row("platform", "never", "not_sent", 502, "The conversation is gone or archived."),
  CONTENT_REJECTED: row("platform", "never", "not_sent", 502, "The platform refused the content."),
  EDIT_REFUSED: row(
    "platform",
    "never",
    "not_sent",
    502,
    "The platform does not let this message be changed any more.",
  ),
  FEATURE_UNSUPPORTED: row("platform", "never", "not_sent", 502, "The platform cannot do that."),
  AGENT_TIMEOUT: row("agent", "never", "not_applicable", 504, "did not answer in time."),
  WORKER_STOPPED: row(
    "internal",
    "never",
    "not_applicable",
    503,
    "could not answer: the worker that ran it stopped each time.",
  ),
  AGENT_UNAVAILABLE: row("agent", "backoff", "not_applicable", 502, "cannot be reached right now."),
  AGENT_CRASHED: row("agent", "never", "not_applicable", 502, "stopped with an error."),
  AGENT_REPLY_INVALID: row(
    "agent",
    "never",
    "not_applicable",
    502,
    "answered with something that is not a valid reply.",
  ),
  AGENT_REPLY_TOO_LARGE: row(
    "agent",
    "never",
    "not_applicable",
    502,
    "answered with more than a conversation can take.",
  ),
  AGENT_REFUSED: row("agent", "never", "not_applicable", 502, "refused the request."),
  AGENT_NOT_CONFIGURED: row("agent", "never", "not_applicable", 503, "is not set up yet."),
  TURN_CANCELLED: row("agent", "never", "not_sent", 409, "was stopped."),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_CODES;
export type { ErrorRow };
