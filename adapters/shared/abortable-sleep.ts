import { ParleyError } from "../../src/errors/parley-error.ts";

/** Resolves after `ms`; rejects with TURN_CANCELLED (nothing was sent) as soon as the signal aborts. */
export function abortableSleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(cancelled());
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The error of work that was called off before anything left for the platform. */
export function cancelled(): ParleyError {
  return new ParleyError("TURN_CANCELLED", { detail: "called off before anything was sent" });
}
