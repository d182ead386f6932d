import type { RequestOutcome, RequestPart, TurnRequests } from "../../../src/contracts/turn-requests.ts";
import type { TurnSession } from "../../../src/contracts/turn-session.ts";

/** People who are asked by an agent; keeps one question per binding, as the contract wants, over attempts of a turn. */
export class AskedPeople implements TurnRequests {
  readonly questions: { readonly part: RequestPart; readonly binding: unknown }[] = [];
  readonly #decisions = new Map<string, PromiseWithResolvers<RequestOutcome>>();
  /** Decides a question at once; undefined leaves it open. */
  decide: (part: RequestPart) => RequestOutcome | undefined = () => undefined;

  async ask(
    part: RequestPart,
    options: { readonly binding: unknown; readonly signal: AbortSignal },
  ): Promise<RequestOutcome> {
    const key = JSON.stringify([part, options.binding]);
    let decision = this.#decisions.get(key);
    if (decision === undefined) {
      decision = Promise.withResolvers<RequestOutcome>();
      this.#decisions.set(key, decision);
      this.questions.push({ part, binding: options.binding });
    }
    const outcome = this.decide(part);
    if (outcome !== undefined) decision.resolve(outcome);
    const aborted = new Promise<never>((_resolve, reject) => {
      const onAbort = (): void =>
        reject(options.signal.reason instanceof Error ? options.signal.reason : new Error("aborted"));
      if (options.signal.aborted) onAbort();
      options.signal.addEventListener("abort", onAbort, { once: true });
    });
    return await Promise.race([decision.promise, aborted]);
  }
}

export const ALLOWED: RequestOutcome = {
  state: "decided",
  optionId: "allow",
  effect: "allow",
  fields: {},
  by: { id: "u-ann", name: "Ann" },
};
export const DENIED: RequestOutcome = { ...ALLOWED, optionId: "deny", effect: "deny" };

/** What an agent remembers of a conversation, kept for a test. */
export function rememberedSession(): TurnSession {
  let kept: string | undefined;
  return {
    read: async () => kept,
    write: async (value) => {
      kept = value === "" ? undefined : value;
    },
  };
}
