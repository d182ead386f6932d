import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { DEFAULT_RETRY_AFTER_MS, parseRetryAfterMs } from "../shared/retry-after.ts";

const rows: readonly (readonly [ErrorCode, readonly string[]])[] = [
  [
    "PLATFORM_UNAUTHORIZED",
    [
      "invalid_auth",
      "not_authed",
      "account_inactive",
      "token_revoked",
      "token_expired",
      "org_login_required",
      "two_factor_setup_required",
      "team_access_not_granted",
      "user_removed_from_team",
      "app_uninstalled",
    ],
  ],
  [
    "PLATFORM_FORBIDDEN",
    [
      "not_in_channel",
      "user_not_in_channel",
      "restricted_action",
      "restricted_action_read_only_channel",
      "restricted_action_thread_only_channel",
      "restricted_action_non_threadable_channel",
      "restricted_action_thread_locked",
      "missing_scope",
      "no_permission",
      "access_denied",
      "ekm_access_denied",
      "not_allowed_token_type",
      "cannot_reply_to_message",
      "messages_tab_disabled",
      "cant_delete_message",
      "stopped_by_user",
    ],
  ],
  // The place is open, and the message is there: only it cannot be changed.
  ["EDIT_REFUSED", ["cant_update_message", "edit_window_closed"]],
  [
    "TARGET_NOT_FOUND",
    [
      "channel_not_found",
      "is_archived",
      "is_inactive",
      "thread_not_found",
      "message_not_found",
      "user_not_found",
      "team_not_found",
      "file_not_found",
      "no_such_channel",
      "expired_trigger_id",
    ],
  ],
  [
    "CONTENT_REJECTED",
    [
      "msg_too_long",
      "msg_blocks_too_long",
      "no_text",
      "invalid_blocks",
      "invalid_blocks_format",
      "too_many_attachments",
      "attachment_payload_limit_exceeded",
      "markdown_text_conflict",
      "block_mismatch",
      "invalid_arguments",
      "invalid_arg_name",
      "invalid_array_arg",
      "invalid_charset",
      "invalid_form_data",
      "invalid_json",
      "json_not_object",
      "invalid_post_type",
      "metadata_too_large",
      "metadata_must_be_sent_from_app",
      "invalid_metadata_format",
      "invalid_metadata_schema",
      "slack_connect_canvas_sharing_blocked",
      "invalid_name",
      "too_long",
      "too_many_reactions",
      "file_uploads_disabled",
      "blocked_file_type",
    ],
  ],
  [
    "FEATURE_UNSUPPORTED",
    [
      "unknown_method",
      "method_deprecated",
      "deprecated_endpoint",
      "method_not_supported_for_channel_type",
      "method_not_supported",
      "feature_not_enabled",
      "not_supported",
      "message_not_in_streaming_state",
      "as_user_not_supported",
    ],
  ],
  ["PLATFORM_RATE_LIMITED", ["ratelimited", "rate_limited", "message_limit_exceeded"]],
  ["PLATFORM_UNAVAILABLE", ["accesslimited", "team_added_to_org", "streaming_state_conflict"]],
  // Slack says "this may have happened": https://docs.slack.dev/reference/methods/chat.postMessage#errors
  ["PLATFORM_OUTCOME_UNKNOWN", ["fatal_error", "internal_error", "request_timeout", "service_unavailable"]],
];

const codeOfSlackError = new Map<string, ErrorCode>(
  rows.flatMap(([code, names]) => names.map((name) => [name, code] as const)),
);

/** Whether a failed call may have had an effect although the code usually says otherwise; see `slackError`. */
const SLACK_ERROR_NAME = /^[a-z0-9_.:-]{1,80}$/u;

/**
 * The error for `{"ok": false, "error": name}`.
 *
 * An unlisted name counts as a refusal of the content: Slack answered that it did not do it.
 */
export function slackError(method: string, name: string, retryAfterMs?: number): ParleyError {
  const shown = SLACK_ERROR_NAME.test(name) ? name : "unreadable_error";
  const code = codeOfSlackError.get(name) ?? "CONTENT_REJECTED";
  return new ParleyError(code, {
    detail: `Slack answered ${method} with ${shown}`,
    facts: { method, slackError: shown },
    ...(code === "PLATFORM_RATE_LIMITED" ? { retryAfterMs: retryAfterMs ?? DEFAULT_RETRY_AFTER_MS } : {}),
  });
}

/** The error for an HTTP status other than 200. Only 429 and the other 4xx say for certain that nothing happened. */
export function httpError(
  method: string,
  status: number,
  retryAfterHeader: string | undefined,
  nowMs: number,
): ParleyError {
  const facts = { method, status };
  if (status === 429) {
    const retryAfterMs = parseRetryAfterMs(retryAfterHeader, nowMs) ?? DEFAULT_RETRY_AFTER_MS;
    return new ParleyError("PLATFORM_RATE_LIMITED", { detail: `Slack limits ${method}`, retryAfterMs, facts });
  }
  if (status >= 300 && status < 500)
    return new ParleyError("PLATFORM_UNAVAILABLE", { detail: `${method} was answered with HTTP ${status}`, facts });
  return new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: `${method} was answered with HTTP ${status}`, facts });
}

/** The error for a call that ended without an answer; `dispatched` says whether bytes of it may have left. */
export function transportError(method: string, cause: unknown, dispatched: boolean): ParleyError {
  const reason = errorCodeOf(cause);
  const facts = { method, reason };
  return dispatched
    ? new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: `${method} got no answer (${reason})`, facts, cause })
    : new ParleyError("PLATFORM_UNAVAILABLE", { detail: `${method} could not be sent (${reason})`, facts, cause });
}

/** The name Slack gave to the failure, when it was Slack that refused. */
export function slackErrorName(error: unknown): string | undefined {
  const name = error instanceof ParleyError ? error.facts["slackError"] : undefined;
  return typeof name === "string" ? name : undefined;
}

/** The system's or undici's code of a failure, else its name. */
export function errorCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const code = "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : error.name;
}
