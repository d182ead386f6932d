import { cancelled } from "./abortable-sleep.ts";

/** Ends the wait for `work` as soon as the signal aborts, with TURN_CANCELLED; the work itself goes on. */
export function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancelled());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** As `untilAborted` until the work has `started`; from then on it ends by its own signal and says itself what is certain. */
export function untilAbortedOrStarted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
  started: () => boolean,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      if (!started()) reject(cancelled());
    };
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
