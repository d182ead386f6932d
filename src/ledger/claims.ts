import type { SqlRunner } from "./connection/database.ts";
import { STANDS_ASIDE } from "./postponed-turns.ts";
import { TAKEN_OVER } from "./takeovers.ts";

/** A leased conversation with everything that routing needs to decide. */
export interface ClaimedConversation {
  readonly id: string;
  readonly organization_id: string;
  readonly installation_id: string;
  readonly platform: string;
  readonly channel_id: string;
  readonly thread_id: string | null;
  readonly path: unknown;
  readonly lease_epoch: number;
  /** As of the same moment as the events and turns read here: a later ring, even one seen by the lease itself, counts as new. */
  readonly rings: number;
  readonly routed_order: string | null;
  readonly archived: boolean | null;
  /** False once the installation's identity was removed from the channel; null when the platform has not said. */
  readonly identity_in_channel: boolean | null;
  readonly events: readonly ClaimedEvent[] | null;
  readonly open_turns: readonly OpenTurn[] | null;
  /** Agents that have had a turn in this thread, the one whose turn is newest first. */
  readonly participants: readonly string[] | null;
  /** A person has it to themselves: no agent takes part. */
  readonly taken_over: boolean;
  /** When the next event or turn that is not due yet becomes so. */
  readonly next_due_at: Date | null;
}

export interface ClaimedEvent {
  readonly id: string;
  readonly kind: string;
  readonly envelope: unknown;
  readonly received_at: string;
  readonly age_ms: number;
  /** The newest version of the message, where it is not the one in the envelope of what was said or edited. */
  readonly deleted: boolean | null;
  readonly newer: { readonly content: unknown; readonly text: string; readonly revision: number } | null;
  /** Agent that wrote the message this one replies to or acts on. */
  readonly target_agent: string | null;
  /** A click on a message that is not known (yet), while a write of this conversation is still without its receipt. */
  readonly target_pending: boolean | null;
  /** For a stop: the open turn whose message it is on; null where it names none, or none that is known. */
  readonly target_turn: string | null;
  /** The question that a click answers, where it stands on a message that shows one. */
  readonly request: ClaimedRequest | null;
}

/** A question to people, as far as routing looks at it. */
export interface ClaimedRequest {
  readonly id: string;
  /** The turn that asked waits for it. */
  readonly live: boolean;
  readonly open: boolean;
  /** The event that decided it. */
  readonly decided_event: string | null;
}

export interface OpenTurn {
  readonly id: string;
  readonly agent_id: string;
  readonly state: string;
  readonly event_id: string;
  readonly conversation_id: string;
  readonly reply_conversation_id: string;
  readonly trigger_message_id: string | null;
  readonly restarts: number;
  readonly due: boolean;
  /** Its agent failed at it and it waits for another attempt: no other waits for it. */
  readonly aside: boolean;
  /** Of a queued turn: who asked for it, and where. */
  readonly asked: { readonly kind: string; readonly sender: unknown; readonly path: unknown } | null;
  /** Opened in this round of routing and not committed yet. */
  readonly planned?: boolean;
}

/** How long a routing lease lasts, in ms; a drain takes a few ms, so this only bounds the silence after a crash. */
export const ROUTING_LEASE_MS = 4_000;
/** Events of one conversation handled per claim; a hotter one yields to others. */
export const MAX_EVENTS_PER_CLAIM = 50;

/** Open turns of one conversation that a stop or a deletion reaches at once. */
const MAX_OPEN_TURNS = 1_000;

const CLAIM = {
  name: "claim",
  text: `
with relaxed as materialized (
  -- A lease that a crash of the server forgets is simply taken again; the commit that uses it is flushed, and fenced by owner and epoch.
  select set_config('synchronous_commit', 'off', true) as mode
), due as (
  select id, due_at from conversations
  where due_at <= now() and platform = any($3::text[]) and (lease_owner is null or lease_until < now())
    -- What is said in a stopped organization waits until it works again.
    and organization_id <> all (array(select o.id from organizations o where o.status = 'stopped'))
  order by due_at limit $2 for update skip locked
), leased as (
  update conversations c set lease_owner = $1, lease_epoch = c.lease_epoch + 1, lease_until = now() + ${ROUTING_LEASE_MS} * interval '1 millisecond'
  from due where c.id = due.id
  returning c.id, c.organization_id, c.installation_id, c.platform, c.channel_id, c.thread_id, c.path, c.lease_epoch, c.routed_order
)
select l.*, (select s.rings from conversations s where s.id = l.id) as rings, ch.archived, ch.self_member as identity_in_channel,
  (select jsonb_agg(x) from (
    select e.id, e.kind, e.envelope, e.received_at, extract(epoch from now() - e.occurred_at) * 1000 as age_ms,
      m.deleted_at is not null as deleted,
      case when m.revision > coalesce((e.envelope->>'revision')::bigint, 0) and m.deleted_at is null
        then jsonb_build_object('content', m.content, 'text', m.text, 'revision', m.revision) end as newer,
      case when e.envelope->'body'->>'replyToMessageId' is not null or (e.kind <> 'message_created' and e.envelope->'body'->>'messageId' is not null)
        then (select t.agent_id from messages t where t.installation_id = l.installation_id and t.channel_id = l.channel_id
          and t.message_id = coalesce(e.envelope->'body'->>'replyToMessageId', e.envelope->'body'->>'messageId')) end as target_agent,
      case when e.kind = 'session_stopped' then coalesce(
        (select d.turn_id from deliveries d where d.conversation_id = l.id and d.message_id = e.envelope->'body'->>'messageId'
          and d.state in ('pending', 'sending', 'open', 'unknown') limit 1),
        (select t.turn_id from messages t where t.installation_id = l.installation_id and t.channel_id = l.channel_id
          and t.message_id = e.envelope->'body'->>'messageId')) end as target_turn,
      case when e.kind = 'action_submitted' then exists (
        select 1 from deliveries d join conversations c on c.id = d.conversation_id
        where c.installation_id = l.installation_id and c.channel_id = l.channel_id and d.state in ('pending', 'sending', 'open', 'unknown')) end as target_pending,
      case when e.kind = 'action_submitted' then (
        select jsonb_build_object('id', r.id, 'live', r.live, 'open', r.state = 'open', 'decided_event', r.decided_event)
        from messages t join deliveries d on d.turn_id = t.turn_id and d.message_id = t.message_id join requests r on r.id = d.request_id
        where t.installation_id = l.installation_id and t.channel_id = l.channel_id and t.message_id = e.envelope->'body'->>'messageId'
          and r.action_id = e.envelope->'body'->>'actionId' limit 1) end as request
    from events e
    left join lateral (select n.* from messages n where e.kind in ('message_created', 'message_edited') and n.installation_id = l.installation_id and n.channel_id = l.channel_id
      and n.message_id = e.envelope->'body'->>'messageId' limit 1) m on true
    where e.conversation_id = l.id and e.is_pending
      and e.platform_order <= (select max(r.platform_order) from events r where r.conversation_id = l.id and r.is_pending and r.not_before <= now())
    order by e.platform_order, e.received_at limit ${MAX_EVENTS_PER_CLAIM}) x) as events,
  (select jsonb_agg(x) from (
    select t.id, t.agent_id, t.state, t.event_id, t.conversation_id, t.reply_conversation_id, t.trigger_message_id, t.restarts, t.not_before <= now() as due, ${STANDS_ASIDE("t")} as aside,
      case when t.state = 'queued' then (select jsonb_build_object('kind', q.kind, 'sender', q.envelope->'sender', 'path', q.envelope->'conversation')
        from events q where q.id = t.event_id) end as asked
    from (select * from turns a where a.finished_at is null and a.reply_conversation_id = l.id
      union all select * from turns b where b.finished_at is null and b.conversation_id = l.id and b.conversation_id <> b.reply_conversation_id) t
    order by t.order_no limit ${MAX_OPEN_TURNS}) x) as open_turns,
  case when l.thread_id is not null then
    (select jsonb_agg(p.id order by p.newest desc) from (
      select a.id, (select max(t.order_no) from turns t where t.reply_conversation_id = l.id and t.agent_id = a.id) as newest
      from agents a where a.organization_id = l.organization_id) p where p.newest is not null) end as participants,
  ${TAKEN_OVER("l.installation_id", "l.channel_id", "l.id")} as taken_over,
  least(
    (select min(e.not_before) from events e where e.conversation_id = l.id and e.is_pending and e.not_before > now()),
    (select min(t.not_before) from turns t where t.reply_conversation_id = l.id and t.state = 'queued' and t.finished_at is null and t.not_before > now())
  ) as next_due_at
from leased l cross join relaxed
left join channels ch on ch.installation_id = l.installation_id and ch.channel_id = l.channel_id`,
} as const;

/**
 * Leases up to `limit` due conversations for `owner` and loads their pending events in platform order, at most 50 each.
 *
 * Conversations of platforms that are not named are left to processes that have them. A conversation is leased by one owner at a
 * time; the lease's epoch is what the commit of the routing is fenced by.
 */
export function claimDue(
  sql: SqlRunner,
  options: { owner: string; limit: number; platforms: readonly string[] },
): Promise<ClaimedConversation[]> {
  return sql.query<ClaimedConversation>(CLAIM, [options.owner, options.limit, options.platforms]);
}
