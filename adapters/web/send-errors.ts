import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";

/** Guarantees the errors table's code and delivery certainty for whatever a write to the room's log ended in. */
export function toSendError(thrown: unknown): ParleyError {
  const error = toParleyError(thrown);
  const options = { cause: error, facts: error.facts, ...(error.detail === undefined ? {} : { detail: error.detail }) };
  const code = codeOf(error);
  return code === error.code ? error : new ParleyError(code, options);
}

function codeOf({ code, facts }: ParleyError): ErrorCode {
  if (code === "NOT_FOUND") return "TARGET_NOT_FOUND";
  if (code === "PAYLOAD_TOO_LARGE" || code === "REQUEST_INVALID") return "CONTENT_REJECTED";
  // The write is one transaction: only a connection that was lost while it committed leaves the outcome open.
  if (code === "LEDGER_UNAVAILABLE")
    return facts["commit"] === "unknown" ? "PLATFORM_OUTCOME_UNKNOWN" : "PLATFORM_UNAVAILABLE";
  // An error that nobody foresaw may have come after the commit.
  return code === "INVARIANT_BROKEN" ? "PLATFORM_OUTCOME_UNKNOWN" : code;
}

/**
 * Ends with the signal, whatever the write does. Before `hasBegun` says so, nothing can have been written; after that, what became of
 * it is for `reconcile` to say.
 */
export async function withAbort<T>(
  signal: AbortSignal,
  write: () => Promise<T>,
  hasBegun: () => boolean = () => true,
): Promise<T> {
  if (signal.aborted) throw cancelled();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    const unknown = { detail: "stopped while the message was written", cause: signal.reason };
    aborted.reject(hasBegun() ? new ParleyError("PLATFORM_OUTCOME_UNKNOWN", unknown) : cancelled());
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([write(), aborted.promise]);
  } catch (error) {
    throw toSendError(error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
