import type { Logger } from "../../contracts/logger.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { takeDeliveries } from "../../ledger/receipts.ts";
import { retryDeadlocks } from "../../ledger/sql-states.ts";
import type { Deliverer } from "./deliverer.ts";

/** Takes the writes that no turn of this process leads to: retries, other processes' replies, what waited behind something. */
export interface OutboxLoop {
  wake(): void;
  /** As `wake`, within a quarter of a second: for bells, most of which are about something else. */
  wakeSoon(): void;
  /** Looks again in `waitMs`, besides what else wakes it; for a pause that ends before the next sweep. */
  wakeIn(waitMs: number): void;
  stop(): Promise<void>;
}

const MAX_CONVERSATIONS = 200;
/** Beyond this many writes under way nothing more is taken. */
const MAX_SENDING = 500;
/** While outboxes wait (a pause the platform named, an unresolved write) they are looked at this often, in ms. */
const POLL_MS = 250;
/** A longer pause is left to the sweep. */
const MAX_PAUSE_MS = 10_000;
/** A look a moment early finds nothing due. */
const PAUSE_SLACK_MS = 10;

export function createOutboxLoop(options: {
  database: Database;
  owner: string;
  logger: Logger;
  deliverer: Deliverer;
  /** The platforms that this process has an adapter of. */
  platforms: readonly string[];
  /** Called after what was due has been taken: something may be left that has to be weighed again first. */
  onDue: () => void;
}): OutboxLoop {
  let dirty = false;
  let stopped = false;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const pauses = new Set<NodeJS.Timeout>();

  async function run(): Promise<void> {
    while (dirty && !stopped) {
      dirty = false;
      let outbox = await look();
      // Most wake-ups are for routing: a look at an index tells, and taking costs several times as much.
      if (outbox.due) {
        await takeAll();
        options.onDue();
        outbox = await look();
      }
      if (outbox.waits && !stopped) timer ??= setTimeout(poll, POLL_MS);
    }
  }

  async function takeAll(): Promise<void> {
    while (!stopped && options.deliverer.sending < MAX_SENDING) {
      const markedAtMs = performance.now();
      const taken = await retryDeadlocks(() =>
        takeDeliveries(options.database, {
          owner: options.owner,
          limit: MAX_CONVERSATIONS,
          platforms: options.platforms,
        }),
      );
      if (taken.length === 0) return;
      options.deliverer.dispatch(taken, markedAtMs);
    }
  }

  async function look(): Promise<{ due: boolean; waits: boolean }> {
    const [found] = await options.database.query<{ due: boolean; waits: boolean }>({
      name: "outbox_waits",
      text: `select coalesce(next <= now(), false) as due, coalesce(next < now() + interval '1 second', false) as waits
        from (select min(outbox_due_at) as next from conversations where outbox_due_at is not null) as outbox`,
    });
    return found ?? { due: false, waits: false };
  }

  function poll(): void {
    timer = undefined;
    wake();
  }

  function wake(): void {
    dirty = true;
    if (stopped) return;
    running ??= run()
      .catch((error: unknown) => options.logger.warn({ err: error }, "the outbox could not be read; trying again"))
      .finally(() => {
        running = undefined;
        if (dirty && !stopped) wake();
      });
  }

  return {
    wake,
    wakeSoon() {
      if (!stopped) timer ??= setTimeout(poll, POLL_MS);
    },
    wakeIn(waitMs) {
      if (stopped || waitMs > MAX_PAUSE_MS) return;
      const pause = setTimeout(() => {
        pauses.delete(pause);
        wake();
      }, waitMs + PAUSE_SLACK_MS);
      pauses.add(pause);
    },
    async stop() {
      stopped = true;
      for (const pause of pauses) clearTimeout(pause);
      clearTimeout(timer);
      await running;
    },
  };
}
