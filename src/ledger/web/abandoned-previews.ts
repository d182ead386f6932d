import type { SqlRunner } from "../connection/database.ts";
import { publish } from "./notices.ts";
import { lockRoom } from "./room-log.ts";

/** How long a growing message may be without a write that stands for it, while that write is being recorded. */
const GRACE = "interval '10 seconds'";
const AT_ONCE = 100;

/**
 * Lets growing messages of which nothing more will come stand as they are: their turn was ended by a switch, a removal or a leave, after
 * which nothing more may be said for it. Resolves with how many. To be called in a transaction.
 */
export async function endAbandonedPreviews(tx: SqlRunner, organizationId: string): Promise<number> {
  const found = await tx.query<{ id: string; roomId: string }>(
    {
      name: "web_abandoned_previews",
      text: `select p.id, p.room_id as "roomId" from web_posts p
        where p.organization_id = $1 and p.state = 'streaming' and p.deleted_at is null and p.created_at < now() - ${GRACE}
          and not exists (select 1 from deliveries d where d.turn_id = split_part(p.idempotency_key, ':', 1) and d.idempotency_key = p.idempotency_key and d.state in ('pending', 'sending', 'open', 'unknown'))
        order by p.room_id, p.id limit ${AT_ONCE}`,
    },
    [organizationId],
  );
  for (const { id, roomId } of found) {
    const room = await lockRoom(tx, organizationId, roomId);
    const rows = await tx.query(
      {
        name: "web_end_preview",
        text: `update web_posts set state = 'final', parts = jsonb_build_array(jsonb_build_object('type', 'text', 'markdown', text)), change_seq = $2::bigint,
            revision = revision + 1 where id = $1 and state = 'streaming' and deleted_at is null returning 1`,
      },
      [id, room?.seq ?? 0],
    );
    if (rows.length > 0) await publish(tx, { type: "post", organizationId, roomId, postId: id, change: "edited" });
  }
  return found.length;
}
