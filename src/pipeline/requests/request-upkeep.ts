import type { Logger } from "../../contracts/logger.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { dueRequests, endRequest, type StoredRequest, showDecision } from "../../ledger/requests.ts";
import type { RequestEnd } from "./decided-part.ts";
import { endOf, type RequestDisplay } from "./request-display.ts";

/** Ends questions that nobody decided in time or that nobody waits for, and sees to it that their messages say so. */
export interface RequestUpkeep {
  start(): void;
  /** Looks soon: something has ended that a question may hang on. */
  nudge(): void;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 2_000;
const NUDGE_MS = 100;

export function createRequestUpkeep(ports: {
  readonly database: Database;
  /** The platforms that this process has an adapter of. */
  readonly platforms: readonly string[];
  readonly display: RequestDisplay;
  readonly logger: Logger;
  readonly wakeOutbox: () => void;
}): RequestUpkeep {
  const { database, logger } = ports;
  let timer: NodeJS.Timeout | undefined;
  let soon: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let stopped = false;

  async function look(): Promise<void> {
    let shown = false;
    for (const row of await dueRequests(database, ports.platforms)) shown = (await see(row)) || shown;
    if (shown) ports.wakeOutbox();
  }

  async function see(row: StoredRequest & { readonly turn_over: boolean }): Promise<boolean> {
    const ended = endOf(row);
    if (ended !== undefined) return await show(row, ended);
    const end = row.turn_over
      ? ({ state: "cancelled", reason: "turn_over" } as const)
      : row.is_over
        ? ({ state: "expired", reason: "not_decided_in_time" } as const)
        : ({ state: "cancelled", reason: "could_not_be_shown" } as const);
    const how: RequestEnd = { kind: row.kind, ...end, at: new Date() };
    const edits = ports.display.edits(row, how);
    return await database.transaction(async (tx) => {
      if (!(await endRequest(tx, { id: row.id, ...end }))) return false;
      if (edits !== undefined) await showDecision(tx, { id: row.id, state: end.state }, edits);
      const { id: request, turn_id: turn, action_id: action, binding } = row;
      await appendAudit(tx, row.organization_id, [
        { what: "approval", by: "parley", outcome: end.state, rule: end.reason, request, turn, action, binding },
      ]);
      return (edits ?? []).length > 0;
    });
  }

  async function show(row: StoredRequest, end: RequestEnd): Promise<boolean> {
    const edits = ports.display.edits(row, end);
    if (edits === undefined) return false;
    return (await database.transaction((tx) => showDecision(tx, row, edits))) && edits.length > 0;
  }

  function run(): void {
    if (stopped) return;
    looking = looking
      .then(look)
      .catch((error: unknown) => logger.warn({ err: error }, "questions to people could not be seen to; trying again"));
  }

  return {
    start() {
      timer ??= setInterval(run, LOOK_EVERY_MS).unref();
    },
    nudge() {
      if (timer === undefined || stopped) return;
      soon ??= setTimeout(() => {
        soon = undefined;
        run();
      }, NUDGE_MS).unref();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      clearTimeout(soon);
      await looking;
    },
  };
}
