import type { Sender } from "../envelope/conversation.ts";
import type { SqlRunner } from "./connection/database.ts";

/** What stands today about the work that a dead letter is of. */
export interface ReplayFacts {
  /** The agent that would speak; null for an event that never came to one. */
  readonly agent_id: string | null;
  /** Where it would speak; null for an event that fits no schema. */
  readonly conversation_id: string | null;
  readonly installation_id: string | null;
  readonly platform: string | null;
  readonly path: unknown;
  readonly archived: boolean | null;
  readonly self_member: boolean | null;
  /** Where it was asked, and by whom; null for a write that answers nobody. */
  readonly asked_installation_id: string | null;
  readonly asked_path: unknown;
  readonly sender: Sender | null;
  readonly message_deleted: boolean;
  /** The work is as it was when it was given up. */
  readonly is_as_left: boolean;
  /** The agent is at work in that conversation. */
  readonly is_busy: boolean;
}

/** Reads them as one moment shows them; undefined when there is no such dead letter. */
export async function readReplayFacts(
  sql: SqlRunner,
  organizationId: string,
  deadLetterId: string,
): Promise<ReplayFacts | undefined> {
  const [row] = await sql.query<ReplayFacts>(
    {
      text: `select coalesce(d.agent_id, t.agent_id) as agent_id, c.id as conversation_id, c.installation_id, c.platform, c.path, h.archived, h.self_member,
          q.installation_id as asked_installation_id, q.path as asked_path, e.envelope->'sender' as sender,
          exists (select 1 from messages m where m.installation_id = q.installation_id and m.channel_id = q.channel_id and m.deleted_at is not null
            and m.message_id = coalesce(t.trigger_message_id, e.envelope->'body'->>'messageId')) as message_deleted,
          case when l.delivery_id is not null then coalesce(d.state in ('rejected', 'parked'), false)
            when l.turn_id is not null then coalesce(t.state = 'dead_lettered', false)
            else coalesce(e.state = 'dead_lettered' and e.open_turns = 0 and not exists (select 1 from turns x where x.event_id = e.id), false) end as is_as_left,
          exists (select 1 from turns x where l.delivery_id is null and x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id and x.is_active and x.id <> t.id) as is_busy
        from dead_letters l
        left join deliveries d on d.id = l.delivery_id
        left join turns t on t.id = coalesce(l.turn_id, d.turn_id)
        left join events e on e.id = coalesce(t.event_id, l.event_id)
        left join conversations q on q.id = e.conversation_id
        left join conversations c on c.id = coalesce(d.conversation_id, t.reply_conversation_id, e.conversation_id)
        left join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
        where l.organization_id = $1 and l.id = $2`,
    },
    [organizationId, deadLetterId],
  );
  return row;
}
