import { ParleyError } from "../../src/errors/parley-error.ts";

/** Discord bans an address after 10,000 in 10 minutes; half of it leaves room for others behind the same address. */
const MAX_INVALID = 5_000;
const WINDOW_MS = 600_000;
const SLOT_MS = 10_000;

/** Counts answers of 401, 403 and 429, and refuses to call on before they become a ban. https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans */
export class InvalidRequestBudget {
  readonly #slots = new Map<number, number>();

  note(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    this.#slots.set(slot, (this.#slots.get(slot) ?? 0) + 1);
    this.#sweep(nowMs);
  }

  /** Throws PLATFORM_RATE_LIMITED with the time after which the oldest of them no longer counts. */
  require(nowMs: number): void {
    this.#sweep(nowMs);
    let sum = 0;
    for (const count of this.#slots.values()) sum += count;
    if (sum < MAX_INVALID) return;
    const oldest = Math.min(...this.#slots.keys());
    throw new ParleyError("PLATFORM_RATE_LIMITED", {
      detail: `${sum} refused calls within 10 minutes: no more are made, because Discord bans addresses for them`,
      retryAfterMs: Math.max(SLOT_MS, oldest * SLOT_MS + WINDOW_MS + SLOT_MS - nowMs),
    });
  }

  #sweep(nowMs: number): void {
    const first = Math.floor((nowMs - WINDOW_MS) / SLOT_MS);
    for (const slot of this.#slots.keys()) if (slot < first) this.#slots.delete(slot);
  }
}
