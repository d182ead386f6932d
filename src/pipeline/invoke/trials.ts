import type { SqlRunner } from "../../ledger/connection/database.ts";
import { putOnTrial, SUSPECT_AFTER_DEATHS } from "../../ledger/upkeep.ts";
import type { WaitingTurn } from "../requests/turn-requests.ts";
import type { RunnableTurn } from "./runnable-turn.ts";

/** Lets turns that were at work when processes ended, more than once, be at work one after the other. */
export interface Trials {
  /**
   * Resolves when the turn may begin, with what says that it is over: at once for a turn that is no suspect. Rejects when `wait.signal` aborts
   * meanwhile.
   */
  enter(turn: RunnableTurn, wait: WaitingTurn): Promise<() => void>;
}

/**
 * Creates the trials of one process. Nobody knows which of the turns at work made a process end, so all of them run again at once after the first time;
 * after the second they do one at a time, and from then on the end of the process is blamed on the one that was at work.
 */
export function createTrials(sql: SqlRunner, owner: string): Trials {
  let last: Promise<void> = Promise.resolve();
  return {
    async enter(turn, wait) {
      if (turn.deaths < SUSPECT_AFTER_DEATHS) return () => undefined;
      const before = last;
      const over = Promise.withResolvers<void>();
      last = before.then(() => over.promise);
      const resume = wait.pause();
      try {
        await until(before, wait.signal);
        await putOnTrial(sql, { id: turn.turnId, epoch: turn.epoch, owner });
      } catch (thrown) {
        over.resolve();
        throw thrown;
      } finally {
        resume();
      }
      return over.resolve;
    },
  };
}

async function until(before: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([before, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
