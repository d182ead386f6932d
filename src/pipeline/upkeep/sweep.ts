import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { loadTurns, writeJournal } from "../../ledger/turns.ts";
import {
  beat,
  hasDueWork,
  leave,
  listOwnSending,
  listOwnTurns,
  type Orphan,
  orphanDeliveries,
  takeOrphans,
  takeUnknown,
  WORKER_DEAD_AFTER_MS,
} from "../../ledger/upkeep.ts";
import { type Deliverer, MAX_MARK_AGE_MS } from "../deliver/deliverer.ts";
import type { Directory } from "../directory.ts";
import { fromLoaded } from "../invoke/runnable-turn.ts";
import type { TurnRunner } from "../invoke/turn-runner.ts";
import type { TurnEnds } from "../render/turn-ends.ts";
import { reconcileDelivery } from "./reconcile.ts";

export interface Sweep {
  start(): Promise<void>;
  /** Looks once, now. */
  run(): Promise<void>;
  /** Looks after writes of unknown outcome in `waitMs`: the next look may be seconds away, and a conversation waits behind them. */
  readBackIn(waitMs: number): void;
  stop(): Promise<void>;
}

export interface SweepOptions {
  readonly database: Database;
  readonly worker: { readonly id: string; readonly roles: string };
  readonly newId: NewId;
  readonly logger: Logger;
  readonly directory: Directory;
  readonly adapter: (platform: string) => ChatAdapter;
  /** The platforms that this process has an adapter of. */
  readonly platforms: readonly string[];
  readonly runner: TurnRunner;
  readonly ends: TurnEnds;
  readonly deliverer: Deliverer;
  /** Works on turns (worker role) and on the outbox (delivery role). */
  readonly roles: { readonly worker: boolean; readonly delivery: boolean };
  readonly wake: () => void;
  readonly wakeOutbox: () => void;
  /** Time between two looks, in ms; must be well under WORKER_DEAD_AFTER_MS where other processes share the ledger. */
  readonly everyMs: number;
  /** How long after a lost connection a write may still take effect, in ms. */
  readonly lateEffectMs: number;
}

/** A heartbeat that came later than this, in ms, says that the ledger (or this process) was away. */
const LATE_BEAT_MS = 1_500;
/** A mark that nobody took up for this long, in ms, is too old to be sent even if its answer still came. */
const UNATTENDED_AFTER_MS = MAX_MARK_AGE_MS + 500;
/** A read-back that comes a moment early finds nothing due, so it comes a moment late. */
const READ_BACK_SLACK_MS = 20;

/** Keeps the ledger moving whatever was lost: heartbeat, stop requests, orphans of dead workers, writes of unknown outcome. */
export function createSweep(options: SweepOptions): Sweep {
  const { database, worker, logger, runner } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let suspects = new Set<string>();
  let strangers = new Set<string>();
  let unattended = new Map<string, number>();
  const readingBack = new Set<string>();
  let healthy = true;
  let lastBeatMs = Number.POSITIVE_INFINITY;
  let othersFromMs = 0;
  let readBack: NodeJS.Timeout | undefined;

  /** Whether the heartbeats of others say anything: after a time when ours could not reach the ledger, theirs get the time to come first. */
  function othersCount(): boolean {
    return performance.now() >= othersFromMs;
  }

  async function beatOnce(): Promise<void> {
    const dueMs = lastBeatMs + options.everyMs + LATE_BEAT_MS;
    await beat(database, worker);
    lastBeatMs = performance.now();
    if (lastBeatMs > dueMs) othersFromMs = lastBeatMs + WORKER_DEAD_AFTER_MS;
  }

  async function look(): Promise<void> {
    await beatOnce();
    if (options.roles.worker) await lookAfterTurns();
    if (options.roles.delivery) await lookAfterDeliveries(await lostDeliveries());
    const due = await hasDueWork(database);
    if (due.route) options.wake();
    if (due.outbox) options.wakeOutbox();
  }

  async function lookAfterTurns(): Promise<void> {
    const active = runner.active();
    const own = await listOwnTurns(database, worker.id);
    for (const turn of own) if (turn.cancel_requested !== null) runner.cancel(turn.id, turn.cancel_requested);
    // Ours by the ledger, yet not in hand at two looks in a row: its end was lost with a connection.
    const now = runner.active();
    const missing = own.filter((turn) => !active.has(turn.id) && !now.has(turn.id)).map((turn) => turn.id);
    const lost = missing.filter((id) => suspects.has(id));
    suspects = new Set(missing);
    // In hand and not ours by the ledger at two looks in a row: another worker took us for dead.
    const ours = new Set(own.map((turn) => turn.id));
    const gone = [...active].filter((id) => !ours.has(id) && now.has(id));
    for (const id of gone) if (strangers.has(id)) runner.abandon(id);
    strangers = new Set(gone);
    const orphans = await takeOrphans(database, worker.id, {
      lost,
      platforms: options.platforms,
      othersToo: othersCount(),
    });
    const toEnd = orphans.filter((orphan) => !orphan.requeued);
    if (toEnd.length > 0) await endOrphans(toEnd);
  }

  async function endOrphans(orphans: readonly Orphan[]): Promise<void> {
    const died = new Set(orphans.filter((orphan) => orphan.died).map((orphan) => orphan.id));
    const ids = orphans.map((orphan) => orphan.id);
    for (const loaded of await loadTurns(database, ids)) {
      const turn = fromLoaded(loaded, options.directory);
      if (turn === undefined) {
        await options.ends.commitWithoutAgent(loaded);
        continue;
      }
      runner.fail(turn, errorOf(loaded, died.has(turn.turnId), turn.agent.definition.connector.kind === "socket"));
      if (loaded.cancel_requested !== null) runner.cancel(turn.turnId, loaded.cancel_requested);
    }
  }

  /** Marked as ours by a statement whose answer never came, or never recorded: nobody sends them. */
  async function lostDeliveries(): Promise<string[]> {
    const inHand = options.deliverer.inHand();
    const own = await listOwnSending(database, worker.id);
    const nowMs = performance.now();
    const missing = own.filter((id) => !inHand.has(id) && !readingBack.has(id));
    unattended = new Map(missing.map((id) => [id, unattended.get(id) ?? nowMs]));
    return missing.filter((id) => nowMs - (unattended.get(id) ?? nowMs) > UNATTENDED_AFTER_MS);
  }

  async function lookAfterDeliveries(lost: readonly string[]): Promise<void> {
    await orphanDeliveries(database, worker.id, { lost, othersToo: othersCount() });
    for (const delivery of await takeUnknown(database, worker.id, options.platforms)) {
      readingBack.add(delivery.id);
      void reconcileDelivery(delivery, {
        adapter: options.adapter,
        directory: options.directory,
        logger,
        deadLetterId: options.newId("x"),
        nowMs: Date.now(),
        lateEffectMs: options.lateEffectMs,
      })
        .then(async (row) => {
          // What has to be looked for again comes back through `readBackIn`.
          await options.deliverer.record(row);
          await writeJournal(database, {
            organizationId: delivery.organization_id,
            turnId: delivery.turn_id,
            verb: "deliver",
            outcome: row.state,
            rule: "read_back",
            detail: { deliveryId: delivery.id, found: row.message_id !== null, reason: row.reason },
          });
        })
        .catch((error: unknown) => logger.error({ err: error, deliveryId: delivery.id }, "reconciliation failed"))
        .finally(() => readingBack.delete(delivery.id));
    }
  }

  function readBackIn(waitMs: number): void {
    if (waitMs >= options.everyMs || timer === undefined) return;
    readBack ??= setTimeout(() => {
      readBack = undefined;
      // Only the deliveries: what counts looks (turns missing at two in a row) must not be hurried.
      lookAfterDeliveries([]).catch((error: unknown) => logger.warn({ err: error }, "read-back failed; trying again"));
    }, waitMs + READ_BACK_SLACK_MS);
  }

  async function run(): Promise<void> {
    running ??= look()
      .then(() => {
        if (!healthy) logger.info({}, "the ledger is back");
        healthy = true;
      })
      .catch((error: unknown) => {
        if (healthy) logger.error({ err: error }, "upkeep failed; trying again");
        healthy = false;
      })
      .finally(() => {
        running = undefined;
      });
    await running;
  }

  return {
    async start() {
      await beat(database, worker);
      lastBeatMs = performance.now();
      timer = setInterval(() => void run(), options.everyMs);
    },
    run,
    readBackIn,
    async stop() {
      clearInterval(timer);
      timer = undefined;
      clearTimeout(readBack);
      await running;
      await leave(database, worker.id).catch(() => undefined);
    },
  };
}

/** Why a turn that nobody runs is ended. */
function errorOf(turn: { readonly cancel_requested: string | null }, died: boolean, dialsIn: boolean): ParleyError {
  if (turn.cancel_requested !== null) return new ParleyError("TURN_CANCELLED", { detail: turn.cancel_requested });
  if (died) return new ParleyError("WORKER_STOPPED", { detail: "its workers ended again and again" });
  return dialsIn
    ? new ParleyError("AGENT_UNAVAILABLE", { detail: "the agent did not dial in for a day" })
    : new ParleyError("AGENT_TIMEOUT", { detail: "no reply came before the deadline" });
}
