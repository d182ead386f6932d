import { patched, sizeOf } from "./patch.ts";

/** Largest state that is followed during a run, as characters of JSON. */
const MAX_STATE_CHARS = 262_144;
/** What a server keeps in its state although every run is given it anew. */
const GIVEN_ANEW: ReadonlySet<string> = new Set(["messages", "tools"]);

/** The agent's own state, as snapshots and patches make it; one that grows over its bound is forgotten, and the server begins without. */
export class RunState {
  #value: unknown;
  #isTooLarge = false;

  constructor(kept: unknown) {
    this.#value = kept;
  }

  snapshot(value: unknown): void {
    this.#set(sizeOf(value) > MAX_STATE_CHARS ? undefined : value);
  }

  /** Throws AGENT_REPLY_INVALID for a patch that does not fit. */
  patch(operations: readonly unknown[]): void {
    // Nothing that could be patched is left of a state that was forgotten.
    if (!this.#isTooLarge) this.#set(patched(this.#value ?? {}, operations, MAX_STATE_CHARS));
  }

  /** What the next run is given back, without what it is given anyway. */
  get kept(): unknown {
    const value = this.#value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => !GIVEN_ANEW.has(key)));
  }

  #set(value: unknown): void {
    this.#value = value;
    this.#isTooLarge = value === undefined;
  }
}
