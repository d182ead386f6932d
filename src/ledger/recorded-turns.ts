import type { Sender } from "../envelope/conversation.ts";
import type { SqlRunner } from "./connection/database.ts";
import type { TranscriptRow } from "./transcript-windows.ts";

/** What a turn came to, and what stands today about the place and the message that it was about. */
export interface RecordedTurnFacts {
  readonly state: string;
  /** Parts of its reply; null when it has none. */
  readonly reply: unknown;
  readonly archived: boolean | null;
  readonly self_member: boolean | null;
  readonly asked_conversation_id: string;
  readonly asked_installation_id: string;
  readonly asked_path: unknown;
  readonly sender: Sender;
  readonly message_deleted: boolean;
}

/** Reads them as one moment shows them; undefined when the organization has no such turn. */
export async function readRecordedTurn(
  sql: SqlRunner,
  organizationId: string,
  turnId: string,
): Promise<RecordedTurnFacts | undefined> {
  const [row] = await sql.query<RecordedTurnFacts>(
    {
      text: `select t.state, t.reply, h.archived, h.self_member, q.id as asked_conversation_id, q.installation_id as asked_installation_id, q.path as asked_path, e.envelope->'sender' as sender,
          exists (select 1 from messages m where m.installation_id = q.installation_id and m.channel_id = q.channel_id and m.deleted_at is not null
            and m.message_id = t.trigger_message_id) as message_deleted
        from turns t
        join events e on e.id = t.event_id
        join conversations q on q.id = t.conversation_id
        left join channels h on h.installation_id = q.installation_id and h.channel_id = q.channel_id
        where t.organization_id = $1 and t.id = $2`,
    },
    [organizationId, turnId],
  );
  return row;
}

/** The newest messages of a conversation up to a place in its order that are not deleted, oldest first; of a thread its first message as well. */
export async function readMessagesUntil(
  sql: SqlRunner,
  place: { readonly conversationId: string; readonly installationId: string; readonly channelId: string },
  until: { readonly platformOrder: string; readonly threadId: string | null; readonly limit: number },
): Promise<readonly TranscriptRow[]> {
  const rows = await sql.query<TranscriptRow>(
    {
      text: `select x.* from (
          (select m.message_id, m.conversation_id, m.sender, m.content, m.platform_order, m.occurred_at, m.revision from messages m
            where m.conversation_id = $1 and m.deleted_at is null and m.platform_order <= $2 order by m.platform_order desc limit $3)
          union
          (select m.message_id, m.conversation_id, m.sender, m.content, m.platform_order, m.occurred_at, m.revision from messages m
            where m.installation_id = $4 and m.channel_id = $5 and m.message_id = $6 and m.deleted_at is null)
        ) x order by x.platform_order`,
    },
    [place.conversationId, until.platformOrder, until.limit, place.installationId, place.channelId, until.threadId],
  );
  return rows;
}
