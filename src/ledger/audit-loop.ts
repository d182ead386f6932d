import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../contracts/logger.ts";
import type { AuditHeadFile } from "./audit-head-file.ts";
import { pruneAudit } from "./audit-prune.ts";
import { sealNumbered } from "./audit-records.ts";
import { type AuditHead, auditHeads, sealAudit } from "./audit-seal.ts";
import type { Database } from "./connection/database.ts";

const EVERY_MS = 1_000;
/** How often the file is brought up to what other processes sealed. */
const FOLLOW_EVERY_MS = 10_000;
/** How often the newest seal is logged, when it is a new one. */
const LOG_EVERY_MS = 600_000;
const PRUNE_EVERY_MS = 6 * 3_600_000;

export interface AuditSealerOptions {
  readonly database: Database;
  readonly key: Buffer;
  /** False once another process seals with a newer key. Default: the key is the newest. */
  readonly isNewestKey?: () => Promise<boolean>;
  readonly headFile: AuditHeadFile;
  readonly logger: Logger;
  /** What was appended so far, where all of it goes through this process; while it stands still nothing is asked of the ledger. */
  readonly appended?: () => number;
  /** How long an organization keeps its log, in days; 0 for ever, which is the default. */
  readonly keepDays?: (organizationId: string) => number;
  /** Default 1 second. */
  readonly everyMs?: number;
}

export interface AuditSealer {
  /** Seals every second; safe to call twice. */
  start(): void;
  /** Seals what is complete now, of all organizations; rejects as statements do. */
  run(): Promise<void>;
  /** Seals once more and resolves when nothing of it goes on. */
  stop(): Promise<void>;
}

/**
 * Creates what makes the audit log a chain. Of several processes one seals at a time; all of them keep the newest seal in a file of their
 * own and say so in the log when the chain in the ledger is not the one they knew.
 */
export function createAuditSealer(options: AuditSealerOptions): AuditSealer {
  const { database, key, headFile, logger } = options;
  const stopping = new AbortController();
  const broken = new Set<string>();
  const newest = new Map<string, { readonly number: number; readonly seal: string }>();
  const logged = new Map<string, number>();
  let seen = -1;
  let followedAt = 0;
  let loggedAt = 0;
  // Processes that start together do not prune together.
  let prunedAt = Date.now() - PRUNE_EVERY_MS * Math.random();
  let loop: Promise<void> | undefined;
  let underWay: Promise<void> | undefined;

  async function sealAll(): Promise<void> {
    const appended = options.appended?.();
    if (appended !== undefined && appended === seen) return;
    const follow = Date.now() - followedAt >= FOLLOW_EVERY_MS;
    const heads = await auditHeads(database);
    const mine = (await options.isNewestKey?.()) ?? true;
    for (const head of heads) {
      if (head.ahead) tellAhead(head.organizationId);
      const made = head.waiting && mine ? await sealAudit(database, key, head.organizationId) : undefined;
      if (made !== undefined) await keep(made);
      else if (follow) await keep(head);
    }
    if (follow) followedAt = Date.now();
    logNewest();
    if (mine) await prune(heads);
    if (appended !== undefined) seen = appended;
  }

  function tellAhead(organizationId: string): void {
    if (!broken.has(organizationId))
      logger.error(
        { organizationId },
        "the audit log cannot go on: the server's transaction numbers are below those in it; see the operations page on restoring a dump",
      );
    broken.add(organizationId);
  }

  /** Takes a newer seal over into the file, if it continues the one that the file names. */
  async function keep(head: Pick<AuditHead, "organizationId" | "number" | "seal">): Promise<void> {
    const { organizationId, number, seal } = head;
    const known = headFile.of(organizationId);
    if (known !== undefined && (number === null || !(await continues(organizationId, known, { number, seal })))) {
      if (!broken.has(organizationId))
        logger.error(
          { organizationId, known: known.number, newest: number },
          'the audit log does not continue from the seal that was known here; "parley audit verify" says what is missing',
        );
      broken.add(organizationId);
      return;
    }
    if (number === null || seal === null) return;
    newest.set(organizationId, { number, seal });
    if (known?.number === number) return;
    headFile.write(organizationId, { number, seal, at: new Date().toISOString() });
  }

  async function continues(
    organizationId: string,
    known: { readonly number: number; readonly seal: string },
    newest: { readonly number: number; readonly seal: string | null },
  ): Promise<boolean> {
    if (newest.number === known.number) return newest.seal === known.seal;
    if (newest.number < known.number) return false;
    const now = await sealNumbered(database, organizationId, known.number);
    // It may have been pruned; that this was done by right is what verifying finds out.
    return now === undefined || now === known.seal;
  }

  /** An anchor outside of the ledger and of this machine, where logs are collected. */
  function logNewest(now = Date.now()): void {
    if (now - loggedAt < LOG_EVERY_MS) return;
    loggedAt = now;
    for (const [organizationId, { number, seal }] of newest) {
      if (logged.get(organizationId) === number) continue;
      logged.set(organizationId, number);
      logger.info({ organizationId, number, seal }, "newest seal of the audit log");
    }
  }

  async function prune(heads: readonly AuditHead[]): Promise<void> {
    if (Date.now() - prunedAt < PRUNE_EVERY_MS) return;
    prunedAt = Date.now();
    for (const { organizationId } of heads) {
      const days = options.keepDays?.(organizationId) ?? 0;
      let total = 0;
      for (let gone = days === 0 ? 0 : 1; gone > 0 && !stopping.signal.aborted; total += gone)
        gone = await pruneAudit(database, key, organizationId, days);
      if (total > 0) logger.info({ organizationId, days, seals: total }, "the front of the audit log was pruned");
    }
  }

  async function run(): Promise<void> {
    underWay ??= sealAll().finally(() => {
      underWay = undefined;
    });
    await underWay;
  }

  async function sealForever(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await run();
      } catch (error) {
        logger.warn({ err: error }, "the audit log could not be sealed yet");
      }
      await delay(options.everyMs ?? EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(
        () => undefined,
      );
    }
  }

  return {
    start() {
      loop ??= sealForever();
    },
    run,
    async stop() {
      if (stopping.signal.aborted) return;
      stopping.abort();
      await loop;
      await underWay?.catch(() => undefined);
      if (loop === undefined) return;
      // The file and the log are to end with what the ledger ends with, whoever sealed it.
      loggedAt = 0;
      followedAt = 0;
      seen = -1;
      await sealAll().catch(() => undefined);
    },
  };
}
