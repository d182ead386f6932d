import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";

/** Guarantees the errors table's code and delivery certainty for whatever a write to the room's log ended in. */
export function toSendError(thrown: unknown): ParleyError {
  const error = toParleyError(thrown);
  const options = { cause: error, facts: error.facts, ...(error.detail === undefined ? {} : { detail: error.detail }) };
  switch (error.code) {
    case "NOT_FOUND":
      return new ParleyError("TARGET_NOT_FOUND", options);
    case "PAYLOAD_TOO_LARGE":
    case "REQUEST_INVALID":
      return new ParleyError("CONTENT_REJECTED", options);
    case "LEDGER_UNAVAILABLE":
      // The write is one transaction: only a connection that was lost while it committed leaves the outcome open.
      return error.facts["commit"] === "unknown"
        ? new ParleyError("PLATFORM_OUTCOME_UNKNOWN", options)
        : new ParleyError("PLATFORM_UNAVAILABLE", options);
    case "INVARIANT_BROKEN":
      // An error that nobody foresaw may have come after the commit.
      return new ParleyError("PLATFORM_OUTCOME_UNKNOWN", options);
    default:
      return error;
  }
}

/** Ends with the signal, whatever the write does; what then became of it is for `reconcile` to say. */
export async function withAbort<T>(signal: AbortSignal, write: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw new ParleyError("TURN_CANCELLED", { delivery: "not_sent", cause: signal.reason });
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(
      new ParleyError("PLATFORM_OUTCOME_UNKNOWN", {
        detail: "stopped while the message was written",
        cause: signal.reason,
      }),
    );
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
