import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../contracts/logger.ts";
import type { Database } from "./connection/database.ts";
import {
  type ForgottenAge,
  type MessagePlace,
  NOTHING_REMOVED,
  type RemovedPage,
  type RemovedRows,
  removeOldEvents,
  removeOldLeftovers,
  removeOldMessages,
  removeOldSends,
} from "./retention.ts";

/** Rows that one statement looks at: short enough that nobody waits for it, also on the embedded ledger's one connection. */
const PAGE_ROWS = 200;
/** Between two statements; the work under way goes first. */
const PAUSE_MS = 50;
const FIRST_MESSAGE: MessagePlace = ["", "", ""];
const EVERY_MS = 6 * 60 * 60_000;
/** The first sweep begins within this time of the start, so that processes that start together do not sweep together. */
const FIRST_WITHIN_MS = 10 * 60_000;

export interface RetentionOptions {
  readonly database: Database;
  /** Age in days from which finished work and its messages are removed; 0 keeps everything. */
  readonly days: number;
  /** The same for single organizations, by their ids. Default: `days` holds for all. */
  readonly daysOf?: Readonly<Record<string, number>>;
  readonly logger: Logger;
  /** Default 6 hours. */
  readonly everyMs?: number;
  /** Default 200. */
  readonly pageRows?: number;
  /** Default 50. */
  readonly pauseMs?: number;
}

export interface Retention {
  /** Sweeps now and then; safe to call twice. Does nothing when everything is kept. */
  start(): void;
  /** Sweeps now, or joins the sweep under way; rejects as statements do. */
  run(): Promise<RemovedRows>;
  /** Resolves when no sweep is under way and none will begin; one under way ends after its statement. */
  stop(): Promise<void>;
}

/**
 * Creates the sweep that lets the ledger forget: finished events with their decisions, turns and deliveries, and the messages of that age,
 * page by page with pauses. Several processes may sweep at once: each row is removed by one of them.
 */
export function createRetention(options: RetentionOptions): Retention {
  const { database, logger } = options;
  const ages = agesOf(options.days, options.daysOf ?? {});
  const pageRows = options.pageRows ?? PAGE_ROWS;
  const pauseMs = options.pauseMs ?? PAUSE_MS;
  const stopping = new AbortController();
  let underWay: Promise<RemovedRows> | undefined;
  let loop: Promise<void> | undefined;

  async function walk<Position>(
    from: Position,
    remove: (after: Position) => Promise<RemovedPage<Position>>,
  ): Promise<RemovedRows> {
    let total = NOTHING_REMOVED;
    let position: Position | undefined = from;
    while (position !== undefined && !stopping.signal.aborted) {
      const page: RemovedPage<Position> = await remove(position);
      total = sum(total, page.removed);
      position = page.next;
      if (position !== undefined) await pause(pauseMs);
    }
    return total;
  }

  async function sweep(): Promise<RemovedRows> {
    let total = NOTHING_REMOVED;
    for (const age of ages) {
      // Events first: a message goes when nothing that stays stands on it.
      const removed = [
        await walk("", (after) => removeOldEvents(database, age, after, pageRows)),
        await walk(FIRST_MESSAGE, (after) => removeOldMessages(database, age, after, pageRows)),
        await walk("", (after) => removeOldSends(database, age, after, pageRows)),
        await walk(true as const, () => removeOldLeftovers(database, age, pageRows)),
      ].reduce(sum, NOTHING_REMOVED);
      const { days, only: organizations } = age;
      if (Object.values(removed).some((count) => count > 0))
        logger.info(
          { days, ...(organizations === null ? {} : { organizations }), ...removed },
          "old work was forgotten",
        );
      total = sum(total, removed);
    }
    return total;
  }

  async function run(): Promise<RemovedRows> {
    underWay ??= sweep().finally(() => {
      underWay = undefined;
    });
    return await underWay;
  }

  const pause = (ms: number): Promise<unknown> =>
    delay(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);

  async function sweepForever(): Promise<void> {
    await pause(Math.random() * Math.min(FIRST_WITHIN_MS, options.everyMs ?? EVERY_MS));
    while (!stopping.signal.aborted) {
      try {
        await run();
      } catch (error) {
        logger.warn({ err: error }, "old work could not be forgotten yet");
      }
      await pause(options.everyMs ?? EVERY_MS);
    }
  }

  return {
    start() {
      if (ages.length > 0) loop ??= sweepForever();
    },
    run,
    async stop() {
      stopping.abort();
      await loop;
      await underWay?.catch(() => undefined);
    },
  };
}

/** One walk for each age that there is; those that keep everything have none. */
function agesOf(days: number, daysOf: Readonly<Record<string, number>>): readonly ForgottenAge[] {
  const own = Object.keys(daysOf);
  const byAge = Map.groupBy(own, (id) => daysOf[id] ?? 0);
  return [
    { days, only: null, except: own },
    ...Array.from(byAge, ([age, only]): ForgottenAge => ({ days: age, only, except: [] })),
  ].filter((age) => age.days > 0);
}

function sum(a: RemovedRows, b: RemovedRows): RemovedRows {
  return {
    events: a.events + b.events,
    turns: a.turns + b.turns,
    deliveries: a.deliveries + b.deliveries,
    messages: a.messages + b.messages,
    deadLetters: a.deadLetters + b.deadLetters,
    journal: a.journal + b.journal,
  };
}
