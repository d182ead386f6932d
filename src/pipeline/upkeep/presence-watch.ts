import type { MemberFacts } from "../../access/member-facts.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { StoppedTurns } from "../../ledger/member-mirror.ts";
import { endAsked, storePresence, takeWatched, type WatchedChannel } from "../../ledger/presence.ts";

/** A channel at work is asked about this often, in ms; with the time for one look and its answers, a missed leave is known within a minute. */
const EVERY_MS = 40_000;
const LOOK_EVERY_MS = 5_000;
const MAX_CHANNELS = 200;
const PARALLEL = 4;

/** Notices what no event told of: that the installation, or whoever asked, is not in a channel any more. */
export interface PresenceWatch {
  start(): void;
  /** Looks once, now. */
  run(): Promise<void>;
  /** No further question is asked. */
  stop(): void;
}

export interface PresenceWatchOptions {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly logger: Logger;
  readonly platforms: readonly string[];
  readonly onEndedAccess: (turns: StoppedTurns) => void;
  /** Time between two questions about one channel, in ms. Default 40,000. */
  readonly everyMs?: number;
}

export function createPresenceWatch(options: PresenceWatchOptions): PresenceWatch {
  const { database, facts, logger, platforms, onEndedAccess, everyMs = EVERY_MS } = options;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function look(): Promise<void> {
    const waiting = await takeWatched(database, { platforms, everyMs, limit: MAX_CHANNELS });
    const work = async (): Promise<void> => {
      for (let channel = waiting.pop(); channel !== undefined && !stopped; channel = waiting.pop()) await ask(channel);
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  }

  async function ask(channel: WatchedChannel): Promise<void> {
    const { organizationId, installationId, channelId, path, askers, selfMember } = channel;
    const place = { organizationId, installationId, path };
    const present = await facts.isPresent(place);
    if (present === undefined) return;
    if (present !== (selfMember ?? true)) {
      logger.warn(
        { installationId, channelId, present },
        "an event about the installation's own membership was missed",
      );
      onEndedAccess(await database.transaction((tx) => storePresence(tx, { installationId, channelId, present })));
    }
    if (!present) return;
    for (const askerId of askers) {
      const { membership } = await facts.of({ ...place, personId: askerId, maxAgeMs: everyMs });
      if (membership !== "out") continue;
      onEndedAccess(await database.transaction((tx) => endAsked(tx, { installationId, channelId, askerId })));
    }
  }

  async function run(): Promise<void> {
    running ??= look()
      .catch((error: unknown) =>
        logger.info({ err: error }, "who is in a channel could not be looked after; trying again"),
      )
      .finally(() => {
        running = undefined;
      });
    await running;
  }

  return {
    start() {
      timer ??= setInterval(() => void run(), Math.min(LOOK_EVERY_MS, everyMs));
    },
    run,
    stop() {
      stopped = true;
      clearInterval(timer);
      timer = undefined;
    },
  };
}
