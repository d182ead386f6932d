import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import { asList } from "./raw.ts";

/** Discord resets the token after 1,000 a day; these leave it far away, and a crash loop quiet. */
const MAX_PER_HOUR = 10;
const MAX_PER_DAY = 500;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Discord's own least time between two, per shard. */
const SPACING_MS = 5_000;

/** When the next identify may be sent after those at `times`, in ms from now; 0 for now. Pure. */
export function identifyWaitMs(times: readonly number[], nowMs: number, spacingMs: number = SPACING_MS): number {
  const past = times.filter((at) => at <= nowMs).toSorted((a, b) => b - a);
  const until = (count: number, windowMs: number): number => {
    const nth = past[count - 1];
    return nth === undefined ? 0 : nth + windowMs - nowMs;
  };
  return Math.max(0, until(1, spacingMs), until(MAX_PER_HOUR, HOUR_MS), until(MAX_PER_DAY, DAY_MS));
}

/** Counts the identifies of one shard over restarts: each is written down before it is sent. */
export class IdentifyBudget {
  readonly #state: AdapterStateStore;
  readonly #installationId: string;
  readonly #key: string;
  readonly #spacingMs: number;
  #times: number[] | undefined;

  constructor(state: AdapterStateStore, installationId: string, shard: { id: number; paced: boolean }) {
    this.#state = state;
    this.#installationId = installationId;
    this.#key = `identify:${shard.id}`;
    this.#spacingMs = shard.paced ? SPACING_MS : 0;
  }

  async waitMs(nowMs: number): Promise<number> {
    return identifyWaitMs(await this.#read(), nowMs, this.#spacingMs);
  }

  /** Writes an identify down; only then it may be sent. Rejects with LEDGER_UNAVAILABLE. */
  async take(nowMs: number): Promise<void> {
    const times = [...(await this.#read()).filter((at) => at > nowMs - DAY_MS), nowMs];
    await this.#state.write(
      this.#installationId,
      new Map([[this.#key, new TextEncoder().encode(JSON.stringify(times))]]),
    );
    this.#times = times;
  }

  async #read(): Promise<readonly number[]> {
    if (this.#times !== undefined) return this.#times;
    const row = (await this.#state.read(this.#installationId, this.#key)).get(this.#key);
    this.#times = row === undefined ? [] : parseTimes(row);
    return this.#times;
  }
}

function parseTimes(row: Uint8Array): number[] {
  return asList(JSON.parse(new TextDecoder().decode(row))).filter((at) => typeof at === "number");
}
