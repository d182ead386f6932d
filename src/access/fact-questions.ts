import { ParleyError, toParleyError } from "../errors/parley-error.ts";

/** A question that failed is not asked again for this long, in ms: what is unknown stays so, and the platform is left alone. */
const FAILURE_PAUSE_MS = 2_000;
const MAX_PAUSES = 10_000;

/** Questions to platforms: the same one is asked once at a time, each ends, and a platform that asked to wait is not asked. */
export interface FactQuestions {
  /** Resolves with undefined when no answer is to be had now. Never rejects. */
  ask<Answer>(question: FactQuestion<Answer>): Promise<Answer | undefined>;
  close(): Promise<void>;
}

interface FactQuestion<Answer> {
  readonly installationId: string;
  /** Equal for equal questions. */
  readonly key: string;
  readonly timeoutMs: number;
  readonly run: (signal: AbortSignal) => Promise<Answer>;
}

export function createFactQuestions(onFailure: (error: ParleyError) => void): FactQuestions {
  const running = new Map<string, Promise<unknown>>();
  const pausedUntilMs = new Map<string, number>();
  const closing = new AbortController();

  function pause(key: string, ms: number): void {
    if (pausedUntilMs.size >= MAX_PAUSES) pausedUntilMs.clear();
    pausedUntilMs.set(key, performance.now() + ms);
  }

  const isPaused = (key: string): boolean => (pausedUntilMs.get(key) ?? 0) > performance.now();

  async function answer<Answer>(question: FactQuestion<Answer>): Promise<Answer | undefined> {
    const { installationId, key, timeoutMs, run } = question;
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await Promise.race([run(signal), rejectOnAbort(signal)]);
    } catch (error) {
      if (closing.signal.aborted) return undefined;
      const fault = toParleyError(error);
      pause(key, FAILURE_PAUSE_MS);
      if (fault.code === "PLATFORM_RATE_LIMITED") pause(installationId, fault.retryAfterMs ?? FAILURE_PAUSE_MS);
      onFailure(fault);
      return undefined;
    }
  }

  return {
    async ask<Answer>(question: FactQuestion<Answer>) {
      const { key, installationId } = question;
      const known = running.get(key);
      if (known !== undefined) return (await known) as Answer | undefined; // equal keys stand for equal questions
      if (closing.signal.aborted || isPaused(key) || isPaused(installationId)) return undefined;
      const asked = answer(question).finally(() => running.delete(key));
      running.set(key, asked);
      return await asked;
    },
    async close() {
      closing.abort();
      await Promise.allSettled(running.values());
    },
  };
}

/** A platform that ignores the signal is not waited for. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void =>
      reject(new ParleyError("PLATFORM_UNAVAILABLE", { detail: "no answer about a member came in time" }));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
