import type { Agent, Dispatcher } from "undici";
import { cancelled } from "./abortable-sleep.ts";

/**
 * How long a write that has left and is called off may still take to be answered, in ms. It cannot be called back any more; its answer
 * says what came of it, which nobody can look up where access has just ended.
 */
export const ANSWER_GRACE_MS = 500;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Longest time of the whole call, in ms. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

export interface CallAnswer {
  readonly status: number;
  readonly bytes: Buffer;
  /** A header by its lower-case name; of several, the first. */
  readonly header: (name: string) => string | undefined;
}

/** A call that ended without an answer; `dispatched` says whether bytes of it may have left. */
export class CallFailure extends Error {
  override readonly name = "CallFailure";
  readonly dispatched: boolean;

  constructor(reason: Error, dispatched: boolean) {
    super(reason.message, { cause: reason });
    this.dispatched = dispatched;
  }

  /** The system's or undici's code of the failure, else its name. */
  get reason(): string {
    const { cause } = this;
    if (!(cause instanceof Error)) return "unknown";
    const code = "code" in cause ? cause.code : undefined;
    return typeof code === "string" ? code : cause.name;
  }
}

/**
 * Performs one HTTP call, never again, and knows whether it may have left.
 *
 * Resolves with any answer. Rejects with CallFailure, or with TURN_CANCELLED when it was called off before a byte left.
 */
export function performOnce(
  agent: Agent,
  request: Dispatcher.DispatchOptions,
  options: CallOptions,
): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted) {
      reject(cancelled());
      return;
    }
    let dispatched = false;
    let finished = false;
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: Readonly<Record<string, string | string[] | undefined>> = {};
    let length = 0;
    const chunks: Buffer[] = [];
    let grace: NodeJS.Timeout | undefined;
    const finish = (settle: () => void): void => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      clearTimeout(grace);
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const giveUp = (reason: Error): void => {
      finish(() => reject(!dispatched && signal?.aborted ? cancelled() : new CallFailure(reason, dispatched)));
      controller?.abort(reason);
    };
    const onAbort = (): void => {
      const callOff = (): void => giveUp(named("AbortError", "called off"));
      if (dispatched && request.method !== "GET") grace = setTimeout(callOff, ANSWER_GRACE_MS);
      else callOff();
    };
    const timer = setTimeout(() => giveUp(named("TimeoutError", "took too long")), options.timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });

    agent.dispatch(request, {
      onRequestStart: (started) => {
        controller = started;
        // Given up while it waited for a connection: it must not leave now.
        if (finished) started.abort(named("AbortError", "called off"));
        else dispatched = true;
      },
      onResponseStart: (_controller, code, received) => {
        if (code < 200) return;
        status = code;
        headers = received;
      },
      onResponseData: (_controller, chunk) => {
        length += chunk.length;
        if (length > options.maxAnswerBytes) giveUp(named("AnswerTooLarge", "the answer is too large"));
        else chunks.push(chunk);
      },
      onResponseEnd: () =>
        finish(() =>
          resolve({
            status,
            bytes: Buffer.concat(chunks),
            header: (name) => {
              const value = headers[name];
              return Array.isArray(value) ? value[0] : value;
            },
          }),
        ),
      onResponseError: (_controller, error) => finish(() => reject(new CallFailure(error, dispatched))),
    });
  });
}

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
