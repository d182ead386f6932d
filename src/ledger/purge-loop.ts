import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../contracts/logger.ts";
import type { Database } from "./connection/database.ts";
import { type DigestText, openDeletions, purgeDeleted } from "./purge.ts";

const EVERY_MS = 20_000;
const PAGE_ROWS = 200;
/**
 * Ages at which a deletion is looked at, in seconds: at once, when what was under way or out of order has arrived, and a last time when
 * platforms have given up handing the deleted message out again (Slack's last repeat comes after five minutes).
 */
const LOOKS_AT_SECONDS = [0, 30, 360] as const;

export interface PurgeOptions {
  readonly database: Database;
  /** As the audit log digests messages, so that what was purged can be told from its entries. */
  readonly digest: DigestText;
  readonly logger: Logger;
  /** Default 20 seconds. */
  readonly everyMs?: number;
}

export interface Purge {
  /** Looks for deletions now and then; safe to call twice. */
  start(): void;
  /** Looks now; resolves with the rows that were emptied. */
  run(): Promise<number>;
  stop(): Promise<void>;
}

/** Creates what makes the text of a deleted message go from every table within a minute of the deletion. Several processes may purge at once. */
export function createPurge(options: PurgeOptions): Purge {
  const { database, digest, logger } = options;
  const stopping = new AbortController();
  /** How often each open deletion was looked at by this process. */
  let looks = new Map<string, number>();
  let loop: Promise<void> | undefined;
  let underWay: Promise<number> | undefined;

  async function purge(): Promise<number> {
    let emptied = 0;
    const still = new Map<string, number>();
    for (let after = ""; !stopping.signal.aborted; ) {
      const page = await openDeletions(database, after, PAGE_ROWS);
      for (const deletion of page) {
        const due = LOOKS_AT_SECONDS.filter((age) => deletion.ageSeconds >= age).length;
        if ((looks.get(deletion.id) ?? 0) < due) {
          const isLast = due === LOOKS_AT_SECONDS.length;
          emptied += await purgeDeleted(database, digest, deletion, isLast);
        }
        // One that could not be closed yet is looked at again.
        still.set(deletion.id, due === LOOKS_AT_SECONDS.length ? due - 1 : due);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_ROWS) break;
      after = last.id;
    }
    looks = still;
    if (emptied > 0) logger.info({ rows: emptied }, "texts of deleted messages were purged");
    return emptied;
  }

  async function run(): Promise<number> {
    underWay ??= purge().finally(() => {
      underWay = undefined;
    });
    return await underWay;
  }

  async function purgeForever(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await run();
      } catch (error) {
        logger.warn({ err: error }, "texts of deleted messages could not be purged yet");
      }
      await delay(options.everyMs ?? EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(
        () => undefined,
      );
    }
  }

  return {
    start() {
      loop ??= purgeForever();
    },
    run,
    async stop() {
      stopping.abort();
      await loop;
      await underWay?.catch(() => undefined);
    },
  };
}
