import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { lacksRoster } from "../../ledger/presence.ts";

/** Lists of one installation that are fetched in a row; after them one in three seconds: whoever is answered comes before what is only loaded in advance. */
const BURST = 10;
const PAUSE_MS = 3_000;
/** Beyond it, lists are fetched when they are needed. */
const MAX_WAITING = 10_000;

/** Loads who is in a channel behind the event that shows it first. */
export interface RosterLoader {
  /** `joined`: the installation has just come, so that what was known of the channel is of another time. Never throws. */
  see(place: FactPlace, joined: boolean): void;
  /** A list that is being fetched ends with the facts it is for. */
  stop(): void;
}

interface Waiting {
  readonly place: FactPlace;
  readonly joined: boolean;
}

export function createRosterLoader(options: {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly logger: Logger;
}): RosterLoader {
  const { database, facts, logger } = options;
  const lines = new Map<string, Map<string, Waiting>>();
  const pauses = new Set<() => void>();
  /** When the lists fetched so far would be done, had each taken its pause. */
  const paidUntilMs = new Map<string, number>();
  let stopped = false;

  async function work(installationId: string, line: Map<string, Waiting>): Promise<void> {
    for (;;) {
      const [next] = line;
      if (next === undefined || stopped) break;
      line.delete(next[0]);
      const { place, joined } = next[1];
      try {
        const channel = { installationId, channelId: place.path.channel.id };
        if (!joined && !(await lacksRoster(database, channel))) continue;
        if (!(await facts.load(place))) logger.debug({ installationId }, "a channel's members are loaded when needed");
      } catch (error) {
        logger.info({ err: error, installationId }, "a channel's members could not be loaded in advance");
      }
      await pause(waitAfterOne(installationId));
    }
    lines.delete(installationId);
  }

  function waitAfterOne(installationId: string): number {
    const now = performance.now();
    const paid = Math.max(now, paidUntilMs.get(installationId) ?? 0) + PAUSE_MS;
    paidUntilMs.set(installationId, paid);
    return paid - now - BURST * PAUSE_MS;
  }

  async function pause(ms: number): Promise<void> {
    if (stopped || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      pauses.add(end);
    });
  }

  return {
    see(place, joined) {
      if (stopped) return;
      const { installationId, path } = place;
      const known = lines.get(installationId);
      const line = known ?? new Map<string, Waiting>();
      if (line.size >= MAX_WAITING) return;
      const before = line.get(path.channel.id);
      line.set(path.channel.id, { place, joined: joined || before?.joined === true });
      if (known !== undefined) return;
      lines.set(installationId, line);
      void work(installationId, line);
    },
    stop() {
      stopped = true;
      for (const end of pauses) end();
    },
  };
}
