import type { Wire } from "../model/records.ts";

/** HTTP status and text of the JSON error codes that the stand-in answers (topics/opcodes-and-status-codes). */
const CODES = {
  10002: [404, "Unknown Application"],
  10003: [404, "Unknown Channel"],
  10004: [404, "Unknown Guild"],
  10007: [404, "Unknown Member"],
  10008: [404, "Unknown Message"],
  10011: [404, "Unknown Role"],
  10013: [404, "Unknown User"],
  10014: [400, "Unknown Emoji"],
  10015: [404, "Unknown Webhook"],
  10062: [404, "Unknown interaction"],
  10063: [404, "Unknown application command"],
  30007: [400, "Maximum number of webhooks reached (15)"],
  30010: [400, "Maximum number of reactions reached (20)"],
  30046: [429, "Maximum number of edits to messages older than 1 hour reached. Try again later"],
  40005: [413, "Request entity too large"],
  40060: [400, "Interaction has already been acknowledged."],
  50001: [403, "Missing Access"],
  50003: [403, "Cannot execute action on a DM channel"],
  50005: [403, "Cannot edit a message authored by another user"],
  50006: [400, "Cannot send an empty message"],
  50007: [403, "Cannot send messages to this user"],
  50008: [400, "Cannot send messages in a non-text channel"],
  50013: [403, "Missing Permissions"],
  50021: [403, "Cannot execute action on a system message"],
  50024: [400, "Cannot execute action on this channel type"],
  50027: [401, "Invalid Webhook Token"],
  50034: [400, "You can only bulk delete messages that are under 14 days old."],
  50083: [400, "Thread is archived"],
  50109: [400, "The request body contains invalid JSON."],
  160002: [400, "Cannot reply without permission to read message history"],
  160004: [400, "A thread has already been created for this message"],
  160005: [400, "Thread is locked"],
  220001: [400, "Webhooks posted to forum channels must have a thread_name or thread_id"],
} as const satisfies Record<number, readonly [number, string]>;

export type ErrorCode = keyof typeof CODES;

/** A refusal in Discord's form. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: number;
  readonly errors: Wire | undefined;

  constructor(status: number, code: number, message: string, errors?: Wire) {
    super(message);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }

  body(): Wire {
    return { message: this.message, code: this.code, ...(this.errors === undefined ? {} : { errors: this.errors }) };
  }
}

export function refused(code: ErrorCode): ApiError {
  const [status, message] = CODES[code];
  return new ApiError(status, code, message);
}

export function unauthorized(): ApiError {
  return new ApiError(401, 0, "401: Unauthorized");
}

export function notFound(): ApiError {
  return new ApiError(404, 0, "404: Not Found");
}

/** 50035 with the tree of what is wrong, each path in dots: `embeds.0.title`. */
export function invalidForm(
  ...problems: readonly (readonly [path: string, code: string, message: string])[]
): ApiError {
  const errors: Wire = {};
  for (const [path, code, message] of problems) {
    let at = errors;
    for (const key of path.split(".")) {
      const inner: Wire = {};
      // Each step of the tree is an object that was made here.
      at = (at[key] ??= inner) as Wire;
    }
    at["_errors"] = [{ code, message }];
  }
  return new ApiError(400, 50035, "Invalid Form Body", errors);
}

export function tooLong(path: string, max: number): ApiError {
  return invalidForm([path, "BASE_TYPE_MAX_LENGTH", `Must be ${max} or fewer in length.`]);
}

export function missing(path: string): ApiError {
  return invalidForm([path, "BASE_TYPE_REQUIRED", "This field is required"]);
}
