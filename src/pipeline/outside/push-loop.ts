import type { Logger } from "../../contracts/logger.ts";
import type { OutsidePush, OutsideTask, OutsideTasks } from "../../contracts/outside-tasks.ts";
import { ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { claimOutsidePushes, type OutsidePushProgress, settleOutsidePush } from "../../ledger/outside-tasks.ts";
import { ENDED } from "./task-state.ts";

const ROUND_EVERY_MS = 500;
const LOOK_EVERY_MS = 1_000;
const LEASE_MS = 60_000;
const BATCH = 10;
/** An address that takes no notification is tried this often, each time after twice the pause, whatever the task's other addresses do. */
const MAX_ATTEMPTS = 9;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

type Due = Awaited<ReturnType<typeof claimOutsidePushes>>[number];
type Progress = Readonly<Record<string, OutsidePushProgress>>;

const FRESH: OutsidePushProgress = { attempts: 0, dueAtMs: 0 };

/** Tells of tasks that came on, where their callers asked for it: each address each state at least once, in any process, until it was taken or the address given up. */
export function createPushLoop(options: {
  readonly database: Database;
  readonly tasks: OutsideTasks;
  /** Sends one notification; rejects unless it was taken. */
  readonly send: (task: OutsideTask, push: OutsidePush, signal: AbortSignal) => Promise<void>;
  readonly logger: Logger;
}) {
  const { database, tasks, logger } = options;
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();

  async function lookAt(due: Due): Promise<void> {
    const { id } = due;
    const before = due.push?.progress ?? {};
    const settle = async (how: { told?: string; progress?: Progress; againInMs?: number }): Promise<void> =>
      await settleOutsidePush(database, due, {
        told: how.told,
        progress: how.progress ?? before,
        againInMs: how.againInMs,
      });
    if (!due.talks || due.person_id === null) return await settle({});
    const caller = {
      organizationId: due.organization_id,
      tokenId: due.token_id,
      personId: due.person_id,
      since: new Date(),
    };
    let task: OutsideTask;
    let pushes: readonly OutsidePush[];
    try {
      task = await tasks.read(caller, id);
      pushes = await tasks.pushes(caller, id);
    } catch (error) {
      const isGone = error instanceof ParleyError && error.code === "NOT_FOUND";
      return await settle(isGone ? {} : { againInMs: LONGEST_PAUSE_MS });
    }
    const again = ENDED.has(task.state) ? [] : [LOOK_EVERY_MS];
    if (task.state === "submitted") return await settle({ againInMs: LOOK_EVERY_MS });
    const after = await Promise.all(
      pushes.map(async (push) => [push.id, await tell(task, push, before[push.id] ?? FRESH, due.state)] as const),
    );
    const open = after.filter(([, one]) => one.attempts < MAX_ATTEMPTS);
    const late = open.filter(([, one]) => (one.told ?? due.state) !== task.state);
    again.push(...late.map(([, one]) => Math.max(one.dueAtMs - Date.now(), 0)));
    await settle({
      progress: Object.fromEntries(after),
      ...(late.length === 0 ? { told: task.state } : {}),
      ...(open.length === 0 || again.length === 0 ? {} : { againInMs: Math.min(...again) }),
    });
  }

  /** Tells one address what it has not heard, if it is its time; never throws. */
  async function tell(
    task: OutsideTask,
    push: OutsidePush,
    before: OutsidePushProgress,
    toldAll: string,
  ): Promise<OutsidePushProgress> {
    const { attempts, told = toldAll } = before;
    if (attempts >= MAX_ATTEMPTS || told === task.state || before.dueAtMs > Date.now()) return before;
    try {
      await options.send(task, push, closing.signal);
      return { told: task.state, attempts: 0, dueAtMs: 0 };
    } catch (error) {
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** attempts, LONGEST_PAUSE_MS);
      logger.warn({ taskId: task.id, code: toParleyError(error).code, attempts }, "a notification was not taken");
      return { told, attempts: attempts + 1, dueAtMs: Date.now() + pauseMs };
    }
  }

  async function once(): Promise<void> {
    try {
      const due = await claimOutsidePushes(database, { limit: BATCH, leaseMs: LEASE_MS });
      await Promise.all(due.map((one) => lookAt(one)));
    } catch (error) {
      if (!closing.signal.aborted)
        logger.warn({ code: toParleyError(error).code }, "notifications wait for the ledger");
    }
  }

  return {
    start(): void {
      timer = setInterval(() => {
        round = round.then(once);
      }, ROUND_EVERY_MS);
      timer.unref();
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      closing.abort();
      await round;
    },
  };
}
