import { ParleyError } from "../../src/errors/parley-error.ts";

/** Guarantees the error that says why a turn was aborted: the deadline gives AGENT_TIMEOUT, everything else TURN_CANCELLED. */
export function abortError(signal: AbortSignal): ParleyError {
  const reason: unknown = signal.reason;
  if (reason instanceof ParleyError) return reason;
  const isDeadline = reason instanceof Error && reason.name === "TimeoutError";
  return new ParleyError(isDeadline ? "AGENT_TIMEOUT" : "TURN_CANCELLED");
}

/** Guarantees an answer as soon as the signal aborts; what the promise does afterwards is ignored. */
export function raceAbort<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Tells an iterator that nobody reads on, without waiting for it: one that hangs would hold the turn. */
export function abandon(iterator: AsyncIterator<unknown>): void {
  try {
    iterator.return?.().then(undefined, () => undefined);
  } catch {
    // An author's own iterator may throw on return; the turn is over either way.
  }
}
