import type { DeadLetterOperations, DeadLetterView } from "../../contracts/operations.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { findDeadLetter, listDeadLetters, resolveDeadLetter } from "../../ledger/dead-letters.ts";
import { replayDelivery, replayTurn } from "../../ledger/replay.ts";
import type { Directory } from "../directory.ts";

const DEFAULT_LIMIT = 100;
const REPLAY_TIMEOUT_MS = 600_000;

/** Dead letters: to be read, replayed under the same identity and keys, or put away. */
export function createDeadLetterOperations(options: {
  database: Database;
  directory: Directory;
  wake: () => void;
}): DeadLetterOperations {
  const { database } = options;

  async function existing(organizationId: string, id: string): Promise<DeadLetterView & { raw?: string }> {
    const letter = await findDeadLetter(database, organizationId, id);
    if (letter === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no dead letter ${id}` });
    return letter;
  }

  async function resolve(organizationId: string, id: string, state: "replayed" | "discarded"): Promise<void> {
    if (await resolveDeadLetter(database, organizationId, id, state)) return;
    const { state: now } = await existing(organizationId, id);
    throw new ParleyError("CONFLICT", { detail: `the dead letter is ${now} already` });
  }

  return {
    list: (organizationId, { state = "open", limit = DEFAULT_LIMIT } = {}) =>
      listDeadLetters(database, organizationId, state, limit),
    show: existing,
    async replay(organizationId, id) {
      const letter = await existing(organizationId, id);
      if (letter.deliveryId === undefined && letter.turnId === undefined) {
        throw new ParleyError("CONFLICT", {
          detail: "this event fits no schema, so it cannot be replayed; read it with: parley deadletters show",
        });
      }
      await resolve(organizationId, id, "replayed");
      const running =
        letter.deliveryId === undefined
          ? await replayTurn(database, letter.turnId ?? "", REPLAY_TIMEOUT_MS)
          : await replayDelivery(database, letter.deliveryId);
      if (!running)
        throw new ParleyError("CONFLICT", {
          detail: "the work has moved on since: it was answered, cancelled or replayed",
        });
      options.wake();
      return await existing(organizationId, id);
    },
    async discard(organizationId, id) {
      await resolve(organizationId, id, "discarded");
      return await existing(organizationId, id);
    },
  };
}
