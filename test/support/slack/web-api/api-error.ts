import type { Wire } from "../model/records.ts";

/** A refusal in Slack's form: HTTP 200 with `ok: false` and this code. */
export class ApiError extends Error {
  readonly code: string;
  readonly extra: Wire;

  constructor(code: string, extra: Wire = {}) {
    super(code);
    this.code = code;
    this.extra = extra;
  }
}

/** `invalid_arguments` with the explanation that Slack puts into response_metadata. */
export function invalidArguments(...messages: string[]): ApiError {
  return new ApiError("invalid_arguments", {
    response_metadata: { messages: messages.map((message) => `[ERROR] ${message}`) },
  });
}
