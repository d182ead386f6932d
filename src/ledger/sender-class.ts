import type { Sender } from "../envelope/conversation.ts";
import type { SqlRunner } from "./connection/database.ts";

/** Notes with an event that waits to be routed what its sender was found to be, so that all that comes of it decides by the same. */
export async function noteSenderClass(
  sql: SqlRunner,
  eventId: string,
  memberClass: NonNullable<Sender["memberClass"]>,
): Promise<void> {
  await sql.query(
    {
      name: "note_sender_class",
      text: "update events set envelope = jsonb_set(envelope, '{sender,memberClass}', to_jsonb($2::text)) where id = $1 and state = 'pending'",
    },
    [eventId, memberClass],
  );
}
