import type { SqlRunner } from "./connection/database.ts";
import type { NewTurnRow } from "./routing.ts";
import { ACCESS_EPOCH } from "./sendable.ts";
import { TAKEN_OVER } from "./takeovers.ts";

/** One event on its way into the ledger, as the pipeline prepared it. */
export interface IntakeRow {
  readonly id: string;
  readonly org: string;
  readonly inst: string;
  readonly platform: string;
  readonly conv: string;
  readonly channel: string;
  readonly thread: string | null;
  readonly kind: string;
  readonly dedupe: string;
  readonly porder: string;
  readonly envelope: unknown;
  readonly occurred: string;
  /** pending, or a terminal state for events that are stored and not routed. */
  readonly state: string;
  readonly reason: string | null;
  readonly hold_ms: number;
  /** Keyed digest of its text, for the audit log; null when it carries none. */
  readonly digest: string | null;
}

/** The newest version of one message that a batch brings; at most one row per message. Its sender and content are those of its event's envelope. */
export interface MessageRow {
  readonly event: string;
  readonly org: string;
  readonly inst: string;
  readonly conv: string;
  readonly channel: string;
  readonly message: string;
  readonly text: string;
  readonly porder: string;
  readonly revision: number;
  readonly occurred: string;
  readonly deleted: boolean;
}

/** An event that is routed with its intake, if its conversation is at rest; the only event of its conversation in the batch. */
export interface ExpressRow {
  readonly event: string;
  readonly conv: string;
  readonly inst: string;
  readonly channel: string;
  readonly message: string;
  readonly porder: string;
  /** Where its turns reply. */
  readonly reply_conv: string;
  readonly open_turns: number;
  readonly decisions: unknown;
}

export interface ExpressIntake {
  readonly owner: string;
  readonly rows: readonly ExpressRow[];
  readonly turns: readonly NewTurnRow[];
}

export interface IntakeResult {
  readonly id: string;
  readonly stored_id: string;
  readonly fresh: boolean;
  /** It was routed with its intake, and its turns belong to the owner. */
  readonly started: boolean;
}

const INTAKE = {
  name: "intake",
  text: `
with input as materialized (
  select * from jsonb_to_recordset($1::jsonb) as x(
    id text, org text, inst text, platform text, conv text, channel text, thread text, kind text, dedupe text,
    porder text, envelope jsonb, occurred timestamptz, state text, reason text, hold_ms int, digest text)
), want as materialized (
  select x.*, c.id is not null as known, c.lease_epoch as seen_epoch, c.routed_order as seen_order
  from jsonb_to_recordset($3::jsonb) as x(event text, conv text, inst text, channel text, message text, porder text, reply_conv text, open_turns int, decisions jsonb)
  left join conversations c on c.id = x.conv
  where not exists (select 1 from messages m where m.installation_id = x.inst and m.channel_id = x.channel and m.message_id = x.message)
    and not exists (select 1 from channels h where h.installation_id = x.inst and h.channel_id = x.channel and (h.archived or h.self_member = false))
    and not ${TAKEN_OVER("x.inst", "x.channel", "x.conv")}
    and (select true from events e where e.conversation_id = x.conv and e.is_pending limit 1) is null
    and (select true from turns t where t.reply_conversation_id = x.reply_conv and t.finished_at is null limit 1) is null
), rested as materialized (
  -- The locked row must be the one that the lookups above belong to: whoever routed meanwhile changed its epoch or its order.
  select w.event from want w cross join lateral (
    select 1 from conversations c where c.id = w.conv and w.known and c.due_at is null and (c.lease_owner is null or c.lease_until < now())
      and c.lease_epoch = w.seen_epoch and c.routed_order is not distinct from w.seen_order and (c.routed_order is null or c.routed_order < w.porder)
    for update skip locked) c
), made as (
  insert into conversations (id, organization_id, installation_id, platform, channel_id, thread_id, path, routed_order)
  select i.conv, i.org, i.inst, i.platform, i.channel, i.thread, i.envelope->'conversation', i.porder from want w join input i on i.id = w.event where not w.known order by i.conv
  on conflict (id) do nothing returning id
), express as materialized (
  select w.* from want w where w.event in (select event from rested) or (not w.known and w.conv in (select id from made))
), fresh as (
  insert into events (id, organization_id, installation_id, conversation_id, kind, dedupe_key, platform_order, envelope, state, state_reason, not_before, occurred_at, finished_at,
    open_turns, decisions)
  select i.id, i.org, i.inst, i.conv, i.kind, i.dedupe, i.porder, i.envelope, case when x.event is null then i.state else 'routed' end, i.reason,
    now() + i.hold_ms * interval '1 millisecond', i.occurred, case when i.state = 'pending' then null else now() end,
    coalesce(x.open_turns, 0), case when x.event is not null then jsonb_build_array(jsonb_build_object('at', now(), 'agents', x.decisions)) end
  from input i left join express x on x.event = i.id order by i.inst, i.dedupe
  on conflict (installation_id, dedupe_key) do nothing
  returning id, conversation_id, state, not_before
), conv as (
  insert into conversations (id, organization_id, installation_id, platform, channel_id, thread_id, path, due_at, rings)
  select distinct on (i.conv) i.conv, i.org, i.inst, i.platform, i.channel, i.thread, i.envelope->'conversation', f.not_before, 1
  from input i join fresh f on f.id = i.id where f.state = 'pending'
  order by i.conv, f.not_before
  on conflict (id) do update set due_at = least(coalesce(conversations.due_at, excluded.due_at), excluded.due_at), rings = conversations.rings + 1
), advanced as (
  update conversations c set routed_order = x.porder from express x join fresh f on f.id = x.event where c.id = x.conv and x.known
), turn_in as materialized (
  select t.*, i.inst, i.platform, i.channel from jsonb_to_recordset($4::jsonb) as t(seq int, id text, org text, agent text, conv text, reply_conv text, reply_thread text, reply_path jsonb,
    event text, trigger_message text, asker text, reason text, timeout_ms int, hop int, root text, restarts int)
  join fresh f on f.id = t.event and f.state = 'routed' join input i on i.id = t.event
), reply_conv as (
  insert into conversations (id, organization_id, installation_id, platform, channel_id, thread_id, path)
  select distinct on (t.reply_conv) t.reply_conv, t.org, t.inst, t.platform, t.channel, t.reply_thread, t.reply_path from turn_in t where t.reply_conv <> t.conv order by t.reply_conv
  on conflict (id) do nothing
), turn as (
  insert into turns (id, organization_id, agent_id, conversation_id, reply_conversation_id, event_id, trigger_message_id, asker_id, reason, state, owner,
    deadline_at, hop_count, root_event_id, restarts, started_at, access_epoch)
  select t.id, t.org, t.agent, t.conv, t.reply_conv, t.event, t.trigger_message, t.asker, t.reason, 'running', $5,
    now() + t.timeout_ms * interval '1 millisecond', t.hop, t.root, t.restarts, now(), ${ACCESS_EPOCH("t.inst", "t.reply_path->'channel'->>'id'")}
  from turn_in t order by t.seq
), msg as (
  insert into messages as m (installation_id, channel_id, message_id, organization_id, conversation_id, event_id, sender, content, text, platform_order, revision, occurred_at, deleted_at)
  select m.inst, m.channel, m.message, m.org, m.conv, m.event, i.envelope->'sender', coalesce(i.envelope->'body'->'content', '[]'::jsonb), m.text, m.porder, m.revision, m.occurred,
         case when m.deleted then now() end
  from jsonb_to_recordset($2::jsonb) as m(event text, org text, inst text, conv text, channel text, message text, text text, porder text, revision bigint,
       occurred timestamptz, deleted boolean)
  join fresh f on f.id = m.event join input i on i.id = m.event
  order by m.inst, m.channel, m.message
  -- In whatever order its events come: the newest words, at the place of the first of them.
  on conflict (installation_id, channel_id, message_id) do update set
    content = case when excluded.deleted_at is not null then '[]'::jsonb when m.revision < excluded.revision then excluded.content else m.content end,
    text = case when excluded.deleted_at is not null then '' when m.revision < excluded.revision then excluded.text else m.text end,
    revision = greatest(m.revision, excluded.revision),
    platform_order = least(m.platform_order, excluded.platform_order),
    occurred_at = least(m.occurred_at, excluded.occurred_at),
    event_id = case when excluded.platform_order < m.platform_order then excluded.event_id else m.event_id end,
    deleted_at = coalesce(m.deleted_at, excluded.deleted_at)
  where m.deleted_at is null and (excluded.deleted_at is not null or m.revision < excluded.revision or excluded.platform_order < m.platform_order)
), told as (
  insert into audit_log (organization_id, entries)
  select i.org, jsonb_agg(jsonb_strip_nulls(jsonb_build_object('what', 'admission', 'event', f.id, 'kind', i.kind, 'by', i.envelope->'sender'->>'id', 'conversation', i.conv,
    'state', f.state, 'rule', i.reason, 'digest', i.digest, 'decisions', x.decisions)) order by i.porder)::text
  from fresh f join input i on i.id = f.id left join express x on x.event = f.id group by i.org
)
select i.id, coalesce(f.id, e.id, i.id) as stored_id, f.id is not null as fresh, coalesce(f.state = 'routed', false) as started
from input i
left join fresh f on f.id = i.id
left join events e on f.id is null and e.installation_id = i.inst and e.dedupe_key = i.dedupe`,
} as const;

/**
 * Commits a batch of events with the messages they carry, in one statement: each new under its dedupe key, its conversation due.
 *
 * `stored_id` is the id under which the event stands, also when it was there before. Rows of one batch must have distinct dedupe keys.
 * Express events whose conversation is at rest (nothing due, pending, open or leased) are routed by the same commit; the others
 * become pending like all. Rejects with a unique violation (23505) when another process started the same agent there meanwhile.
 */
export function insertEvents(
  sql: SqlRunner,
  events: readonly IntakeRow[],
  messages: readonly MessageRow[],
  express?: ExpressIntake,
): Promise<IntakeResult[]> {
  return sql.query<IntakeResult>(INTAKE, [
    JSON.stringify(events),
    JSON.stringify(messages),
    JSON.stringify(express?.rows ?? []),
    JSON.stringify(express?.turns.map((turn, seq) => ({ ...turn, seq })) ?? []),
    express?.owner ?? null,
  ]);
}
