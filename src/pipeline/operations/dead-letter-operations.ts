import type { DeadLetterOperations, DeadLetterView } from "../../contracts/operations.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database, SqlRunner } from "../../ledger/connection/database.ts";
import { findDeadLetter, listDeadLetters, resolveDeadLetter } from "../../ledger/dead-letters.ts";
import { replayDelivery, replayEvent, replayTurn } from "../../ledger/replay.ts";
import { isUniqueViolation } from "../../ledger/sql-states.ts";
import type { Directory } from "../directory.ts";

const DEFAULT_LIMIT = 100;
const REPLAY_TIMEOUT_MS = 600_000;

function again(sql: SqlRunner, letter: DeadLetterView): Promise<boolean> {
  if (letter.deliveryId !== undefined) return replayDelivery(sql, letter.deliveryId);
  if (letter.turnId !== undefined) return replayTurn(sql, letter.turnId, REPLAY_TIMEOUT_MS);
  return replayEvent(sql, letter.eventId ?? "");
}

/** Dead letters: to be read, replayed under the same identity and keys, or put away. */
export function createDeadLetterOperations(options: {
  database: Database;
  directory: Directory;
  wake: () => void;
}): DeadLetterOperations {
  const { database } = options;

  async function existing(
    organizationId: string,
    id: string,
    sql: SqlRunner = database,
  ): Promise<DeadLetterView & { raw?: string }> {
    const letter = await findDeadLetter(sql, organizationId, id);
    if (letter === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no dead letter ${id}` });
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

  return {
    list: (organizationId, { state = "open", limit = DEFAULT_LIMIT } = {}) =>
      listDeadLetters(database, organizationId, state, limit),
    show: (organizationId, id) => existing(organizationId, id),
    async replay(organizationId, id) {
      const letter = await existing(organizationId, id);
      if (letter.deliveryId === undefined && letter.turnId === undefined && letter.eventId === undefined) {
        throw new ParleyError("CONFLICT", {
          detail: "this event fits no schema, so it cannot be replayed; read it with: parley deadletters show",
        });
      }
      // One transaction: a letter that counts as replayed while nothing runs would be lost.
      await database
        .transaction(async (tx) => {
          await resolve(tx, organizationId, id, "replayed");
          if (await again(tx, letter)) return;
          throw new ParleyError("CONFLICT", {
            detail:
              "the work has moved on since: it was answered, cancelled or replayed, its message was deleted, or the channel was left",
          });
        })
        .catch((error: unknown) => {
          if (!isUniqueViolation(error)) throw error;
          throw new ParleyError("CONFLICT", {
            detail: "the agent is at work in that conversation; replay it afterwards",
          });
        });
      options.wake();
      return await existing(organizationId, id);
    },
    async discard(organizationId, id) {
      await resolve(database, organizationId, id, "discarded");
      return await existing(organizationId, id);
    },
  };
}
