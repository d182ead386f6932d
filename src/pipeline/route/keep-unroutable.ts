import type { Logger } from "../../contracts/logger.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { insertDeadLetterOfEvent } from "../../ledger/dead-letters.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { plainText } from "../render/plain-text.ts";

/** Keeps an event that could not be routed as a dead letter with the reason; never rejects. */
export async function keepUnroutable(
  { database, newId, logger }: { readonly database: Database; readonly newId: NewId; readonly logger: Logger },
  eventId: string,
  error: unknown,
): Promise<void> {
  const { code, detail } = toParleyError(error, "INVARIANT_BROKEN");
  await insertDeadLetterOfEvent(database, { id: newId("x"), eventId, code, reason: plainText(detail ?? "") }).catch(
    (lost: unknown) => logger.error({ err: lost, eventId }, "a dead letter could not be stored"),
  );
}
