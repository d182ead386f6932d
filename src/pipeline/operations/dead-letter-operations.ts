import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { DeadLetterOperations, DeadLetterView, ReplayVerdict } from "../../contracts/operations.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database, SqlRunner } from "../../ledger/connection/database.ts";
import { findDeadLetter, listDeadLetters, resolveDeadLetter } from "../../ledger/dead-letters.ts";
import { replayDelivery, replayEvent, replayTurn } from "../../ledger/replay.ts";
import { readReplayFacts } from "../../ledger/replay-facts.ts";
import { isUniqueViolation } from "../../ledger/sql-states.ts";
import type { Directory } from "../directory.ts";
import { weighReplay } from "./weigh-replay.ts";

export interface DeadLetterPorts {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly facts: MemberFacts;
  readonly wake: () => void;
}

const DEFAULT_LIMIT = 100;
const REPLAY_TIMEOUT_MS = 600_000;
/** Refusals that are about the letter and not about anybody's right. */
const NOT_OPEN: ReadonlySet<string> = new Set([
  "already_replayed",
  "already_discarded",
  "work_moved_on",
  "agent_busy_there",
  "message_deleted",
]);

function again(sql: SqlRunner, letter: DeadLetterView): Promise<boolean> {
  if (letter.deliveryId !== undefined) return replayDelivery(sql, letter.deliveryId);
  if (letter.turnId !== undefined) return replayTurn(sql, letter.turnId, REPLAY_TIMEOUT_MS);
  return replayEvent(sql, letter.eventId ?? "");
}

/** Dead letters: to be read, replayed under the same identity and keys by what holds today, or put away. */
export function createDeadLetterOperations({
  database,
  directory,
  policies,
  facts,
  wake,
}: DeadLetterPorts): DeadLetterOperations {
  async function existing(
    organizationId: string,
    id: string,
    sql: SqlRunner = database,
  ): Promise<DeadLetterView & { raw?: string }> {
    const letter = await findDeadLetter(sql, organizationId, id);
    if (letter === undefined) throw noLetter(id);
    return letter;
  }

  async function resolve(
    sql: SqlRunner,
    organizationId: string,
    id: string,
    state: "replayed" | "discarded",
  ): Promise<void> {
    if (await resolveDeadLetter(sql, organizationId, id, state)) return;
    const { state: now } = await existing(organizationId, id, sql);
    throw new ParleyError("CONFLICT", { detail: `the dead letter is ${now} already` });
  }

  async function weigh(organizationId: string, id: string): Promise<ReplayVerdict> {
    const letter = await existing(organizationId, id);
    const today = await readReplayFacts(database, organizationId, id);
    if (today === undefined) throw noLetter(id);
    return await weighReplay(organizationId, letter, today, {
      directory,
      policies: policies.of(organizationId),
      facts,
    });
  }

  return {
    list: (organizationId, { state = "open", limit = DEFAULT_LIMIT, code } = {}) =>
      listDeadLetters(database, organizationId, { state, limit, code }),
    show: (organizationId, id) => existing(organizationId, id),
    weigh,
    async replay(organizationId, id, { by }) {
      const verdict = await weigh(organizationId, id);
      if (!verdict.allowed) {
        await appendAudit(database, organizationId, [
          { what: "denied", by, rule: verdict.rule, action: "replay", deadLetter: id },
        ]);
        throw refusal(verdict);
      }
      const letter = await existing(organizationId, id);
      // One transaction: a letter that counts as replayed while nothing runs would be lost.
      await database
        .transaction(async (tx) => {
          await resolve(tx, organizationId, id, "replayed");
          if (!(await again(tx, letter))) throw refusal({ ...verdict, rule: "work_moved_on" });
          await appendAudit(tx, organizationId, [auditOf(letter, verdict, by)]);
        })
        .catch((error: unknown) => {
          if (!isUniqueViolation(error)) throw error;
          throw refusal({ ...verdict, rule: "agent_busy_there" });
        });
      wake();
      return await existing(organizationId, id);
    },
    async discard(organizationId, id) {
      await resolve(database, organizationId, id, "discarded");
      return await existing(organizationId, id);
    },
  };
}

function auditOf(letter: DeadLetterView, verdict: ReplayVerdict, by: string) {
  return {
    what: "admission" as const,
    by,
    rule: verdict.rule,
    deadLetter: letter.id,
    ...(letter.eventId === undefined ? {} : { event: letter.eventId }),
    ...(letter.turnId === undefined ? {} : { turn: letter.turnId }),
    ...(letter.deliveryId === undefined ? {} : { delivery: letter.deliveryId }),
  };
}

function refusal({ rule }: ReplayVerdict): ParleyError {
  const known: Record<string, string> = {
    already_replayed: "the dead letter is replayed already",
    already_discarded: "the dead letter is discarded already",
    fits_no_schema: "this event fits no schema, so it cannot be replayed; read it with: parley deadletters show",
    work_moved_on: "the work has moved on since: it was answered, cancelled or replayed",
    agent_busy_there: "the agent is at work in that conversation; replay it afterwards",
    message_deleted: "its message was deleted",
    asker_left: "who asked is no longer there",
    asker_unknown: "it cannot be found out whether who asked is still there",
  };
  const why = known[rule] ?? "what was allowed then is not allowed today";
  const code = NOT_OPEN.has(rule) || rule === "fits_no_schema" ? "CONFLICT" : "PERMISSION_DENIED";
  return new ParleyError(code, { detail: `${why} (${rule})`, facts: { rule } });
}

function noLetter(id: string): ParleyError {
  return new ParleyError("NOT_FOUND", { detail: `there is no dead letter ${id}` });
}
