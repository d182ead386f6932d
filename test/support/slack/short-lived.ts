import { randomUUID } from "node:crypto";

/** Why a key cannot be redeemed. */
export type Refusal = "unknown" | "used" | "expired";

/** Keys that can be redeemed once and only for a short time, such as trigger ids and connection tickets. */
export class ShortLived<T> {
  readonly #lifetimeMs: number;
  readonly #entries = new Map<string, { value: T; expiresAt: number; used: boolean }>();

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  issue(value: T, prefix = ""): string {
    const key = `${prefix}${randomUUID().replaceAll("-", "")}`;
    this.#entries.set(key, { value, expiresAt: performance.now() + this.#lifetimeMs, used: false });
    // Old keys are only kept to tell "expired" from "unknown"; a bound keeps long runs flat.
    if (this.#entries.size > 10_000) this.#entries.delete(this.#entries.keys().next().value ?? "");
    return key;
  }

  redeem(key: string): { value: T } | { refused: Refusal } {
    const entry = this.#entries.get(key);
    if (entry === undefined) return { refused: "unknown" };
    if (entry.used) return { refused: "used" };
    if (performance.now() > entry.expiresAt) return { refused: "expired" };
    entry.used = true;
    return { value: entry.value };
  }
}
