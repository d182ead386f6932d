import { type Call, type CallMatch, isMatch } from "./call-match.ts";

/** What becomes of a call. `after` means that the homeserver carried it out before. */
export type FaultKind =
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number }
  /** An answer that is none of Matrix's, as of a proxy in between. */
  | { readonly kind: "status"; readonly status: number; readonly when: "before" | "after" }
  /** An error in Matrix's form. */
  | { readonly kind: "refused"; readonly status: number; readonly errcode: string }
  /** The connection is dropped without an answer. */
  | { readonly kind: "drop"; readonly when: "before" | "after" }
  /** The connection is dropped in the middle of the answer. */
  | { readonly kind: "half" }
  /** 200 with a page in HTML. */
  | { readonly kind: "page"; readonly when: "before" | "after" }
  /** No answer until the proxy is closed or let go. */
  | { readonly kind: "silence"; readonly when: "before" | "after" }
  | { readonly kind: "slow"; readonly delayMs: number }
  /** The answer becomes something else: hostile JSON, bytes that are no UTF-8. */
  | { readonly kind: "changed"; readonly change: (answer: Buffer, call: Call) => Buffer | string };

export type Fault = FaultKind & {
  readonly match: CallMatch;
  /** How many calls it strikes; default 1. */
  readonly times?: number;
  /** For each call by chance; default 1. */
  readonly probability?: number;
};

/** Faults in the order in which they were asked for; the first that matches strikes. */
export class Faults {
  readonly #waiting: { readonly fault: Fault; left: number }[] = [];

  /** Gives back how to call the fault off. */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? 1 };
    this.#waiting.push(entry);
    return () => {
      entry.left = 0;
    };
  }

  strike(call: Call): Fault | undefined {
    const found = this.#waiting.find(
      ({ fault, left }) => left > 0 && isMatch(call, fault.match) && Math.random() < (fault.probability ?? 1),
    );
    if (found === undefined) return undefined;
    found.left -= 1;
    return found.fault;
  }
}
