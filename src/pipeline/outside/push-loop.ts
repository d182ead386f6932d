import type { Logger } from "../../contracts/logger.ts";
import type { OutsidePush, OutsideTask, OutsideTasks } from "../../contracts/outside-tasks.ts";
import { ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { claimOutsidePushes, settleOutsidePush } from "../../ledger/outside-tasks.ts";
import { ENDED } from "./task-state.ts";

const ROUND_EVERY_MS = 500;
const LOOK_EVERY_MS = 1_000;
const LEASE_MS = 60_000;
const BATCH = 10;
/** A notification that nobody took is tried again this often, each time after twice the pause. */
const MAX_ATTEMPTS = 9;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

type Due = Awaited<ReturnType<typeof claimOutsidePushes>>[number];

/** Tells of tasks that came on, where their callers asked for it: each state at least once, in any process, until it was taken or given up. */
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
    const { id, push_attempts: attempts, state: told } = due;
    const settle = async (how: { told?: string; attempts?: number; againInMs?: number }): Promise<void> =>
      await settleOutsidePush(database, id, { told: how.told, attempts: how.attempts ?? 0, againInMs: how.againInMs });
    if (!due.talks || due.person_id === null) return await settle({});
    const caller = {
      organizationId: due.organization_id,
      tokenId: due.token_id,
      personId: due.person_id,
      since: new Date(),
    };
    let task: OutsideTask;
    try {
      task = await tasks.read(caller, id);
    } catch (error) {
      const isGone = error instanceof ParleyError && error.code === "NOT_FOUND";
      return await settle(isGone ? {} : { attempts, againInMs: LONGEST_PAUSE_MS });
    }
    const isOver = ENDED.has(task.state);
    if (task.state === told || task.state === "submitted")
      return await settle(isOver ? { attempts } : { attempts, againInMs: LOOK_EVERY_MS });
    try {
      for (const push of await tasks.pushes(caller, id)) await options.send(task, push, closing.signal);
    } catch (error) {
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** attempts, LONGEST_PAUSE_MS);
      logger.warn({ taskId: id, code: toParleyError(error).code, attempts }, "a notification was not taken");
      return await settle(attempts + 1 >= MAX_ATTEMPTS ? {} : { attempts: attempts + 1, againInMs: pauseMs });
    }
    await settle(isOver ? { told: task.state } : { told: task.state, againInMs: LOOK_EVERY_MS });
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
