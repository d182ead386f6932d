import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import { asList } from "./raw.ts";

/** A crash loop stays quiet: so many in an hour, over all shards. */
const MAX_PER_HOUR = 10;
/** Part of what Discord allows in a day, beyond which it resets the token, that is used at most. */
const SHARE_OF_DAY = 0.5;
/** A shard that may begin no session at all would be none. */
const LEAST_PER_SHARD = 2;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Discord's own least time between two of one rate limit key, and what the line may take from it. */
const SPACING_MS = 5_000;
const LINE_MS = 250;
/** How soon it is looked again whether another process has sent its identify. */
const LOOK_AGAIN_MS = 250;
const PREFIX = "identify:";

/** What the identifies of an application share. */
export interface IdentifyLimits {
  readonly shardCount: number;
  /** How many shards may begin at once: one of each `shardId % maxConcurrency`. https://docs.discord.com/developers/events/gateway#rate-limiting */
  readonly maxConcurrency: number;
  /** What Discord allows in a day, of all shards together. */
  readonly perDay: number;
  /** Keep to Discord's 5 s between two; the hour and the day are kept in any case. */
  readonly paced: boolean;
}

/** When a shard may send its next identify, in ms from now; 0 for now. `times` are those that each shard sent. Pure. */
export function identifyWaitMs(
  times: ReadonlyMap<number, readonly number[]>,
  shardId: number,
  { shardCount, maxConcurrency, perDay, paced }: IdentifyLimits,
  nowMs: number,
): number {
  const newestFirst = (of: readonly number[]): number[] => of.filter((at) => at <= nowMs).toSorted((a, b) => b - a);
  const own = newestFirst(times.get(shardId) ?? []);
  const together = newestFirst(
    [...times].flatMap(([id, sent]) => (id % maxConcurrency === shardId % maxConcurrency ? sent : [])),
  );
  const until = (past: readonly number[], count: number, windowMs: number): number => {
    const nth = past[count - 1];
    return nth === undefined ? 0 : nth + windowMs - nowMs;
  };
  // Each shard has a share of its own, so that one which fails over and over leaves the others theirs.
  const shareOf = (all: number): number => Math.max(LEAST_PER_SHARD, Math.floor(all / shardCount));
  return Math.max(
    0,
    paced ? until(together, 1, SPACING_MS + LINE_MS) : 0,
    until(own, shareOf(MAX_PER_HOUR), HOUR_MS),
    until(own, shareOf(perDay * SHARE_OF_DAY), DAY_MS),
  );
}

/**
 * Counts the identifies of an application over its shards, its processes and their restarts: each is written down before it is sent.
 *
 * Together at most 10 are sent in an hour, or 2 for each shard where that is more, and half of what Discord allows in a day.
 */
export class IdentifyBudget {
  readonly #state: AdapterStateStore;
  readonly #installationId: string;
  readonly #limits: IdentifyLimits;
  readonly #order = new KeyedQueue();

  constructor(state: AdapterStateStore, installationId: string, limits: IdentifyLimits) {
    this.#state = state;
    this.#installationId = installationId;
    this.#limits = limits;
  }

  /** Rejects with LEDGER_UNAVAILABLE. */
  async waitMs(shardId: number, nowMs: number): Promise<number> {
    return identifyWaitMs(await this.#read(), shardId, this.#limits, nowMs);
  }

  /** Writes an identify down and gives 0: it may be sent; otherwise after how many ms it may be asked again. Rejects with LEDGER_UNAVAILABLE. */
  take(shardId: number): Promise<number> {
    return this.#order.run("take", () => this.#takeUnderLease(shardId));
  }

  /** Two processes must not both find that nobody sends one. */
  async #takeUnderLease(shardId: number): Promise<number> {
    const lease = await this.#state.lease(this.#installationId, "identify");
    if (lease === undefined) return LOOK_AGAIN_MS;
    try {
      const times = await this.#read();
      const nowMs = Date.now();
      const waitMs = identifyWaitMs(times, shardId, this.#limits, nowMs);
      if (waitMs > 0) return waitMs;
      const kept = [...(times.get(shardId) ?? []).filter((at) => at > nowMs - DAY_MS), nowMs];
      const row = new TextEncoder().encode(JSON.stringify(kept));
      await this.#state.write(this.#installationId, new Map([[PREFIX + shardId, row]]), lease);
      return 0;
    } finally {
      // What was written stands; a lease that cannot be given back ends by itself.
      await lease.release().catch(() => undefined);
    }
  }

  async #read(): Promise<ReadonlyMap<number, readonly number[]>> {
    const rows = await this.#state.read(this.#installationId, PREFIX);
    return new Map([...rows].map(([key, row]) => [Number(key.slice(PREFIX.length)), parseTimes(row)]));
  }
}

function parseTimes(row: Uint8Array): number[] {
  return asList(JSON.parse(new TextDecoder().decode(row))).filter((at) => typeof at === "number");
}
