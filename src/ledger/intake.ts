import type { SqlRunner } from "./connection/database.ts";

/** One event on its way into the ledger, as the pipeline prepared it. */
export interface IntakeRow {
  readonly id: string;
  readonly org: string;
  readonly inst: string;
  readonly platform: string;
  readonly conv: string;
  readonly channel: string;
  readonly thread: string | null;
  readonly path: unknown;
  readonly kind: string;
  readonly dedupe: string;
  readonly porder: string;
  readonly envelope: unknown;
  readonly occurred: string;
  /** pending, or a terminal state for events that are stored and not routed. */
  readonly state: string;
  readonly reason: string | null;
  readonly hold_ms: number;
}

/** The newest version of one message that a batch brings; at most one row per message. */
export interface MessageRow {
  readonly event: string;
  readonly org: string;
  readonly inst: string;
  readonly conv: string;
  readonly channel: string;
  readonly message: string;
  readonly sender: unknown;
  readonly content: unknown;
  readonly text: string;
  readonly porder: string;
  readonly revision: number;
  readonly occurred: string;
  readonly deleted: boolean;
}

export interface IntakeResult {
  readonly id: string;
  readonly stored_id: string;
  readonly fresh: boolean;
}

const INTAKE = {
  name: "intake",
  text: `
with input as materialized (
  select * from jsonb_to_recordset($1::jsonb) as x(
    id text, org text, inst text, platform text, conv text, channel text, thread text, path jsonb, kind text, dedupe text,
    porder text, envelope jsonb, occurred timestamptz, state text, reason text, hold_ms int)
), fresh as (
  insert into events (id, organization_id, installation_id, conversation_id, kind, dedupe_key, platform_order, envelope, state, state_reason, not_before, occurred_at, finished_at)
  select id, org, inst, conv, kind, dedupe, porder, envelope, state, reason, now() + hold_ms * interval '1 millisecond', occurred,
         case when state = 'pending' then null else now() end
  from input order by inst, dedupe
  on conflict (installation_id, dedupe_key) do nothing
  returning id, conversation_id, state, not_before
), conv as (
  insert into conversations (id, organization_id, installation_id, platform, channel_id, thread_id, path, due_at, rings)
  select distinct on (i.conv) i.conv, i.org, i.inst, i.platform, i.channel, i.thread, i.path, f.not_before, 1
  from input i join fresh f on f.id = i.id where f.state = 'pending'
  order by i.conv, f.not_before
  on conflict (id) do update set due_at = least(coalesce(conversations.due_at, excluded.due_at), excluded.due_at), rings = conversations.rings + 1
), msg as (
  insert into messages as m (installation_id, channel_id, message_id, organization_id, conversation_id, event_id, sender, content, text, platform_order, revision, occurred_at, deleted_at)
  select m.inst, m.channel, m.message, m.org, m.conv, m.event, m.sender, m.content, m.text, m.porder, m.revision, m.occurred,
         case when m.deleted then now() end
  from jsonb_to_recordset($2::jsonb) as m(event text, org text, inst text, conv text, channel text, message text, sender jsonb, content jsonb,
       text text, porder text, revision bigint, occurred timestamptz, deleted boolean)
  where exists (select 1 from fresh f where f.id = m.event)
  order by m.inst, m.channel, m.message
  on conflict (installation_id, channel_id, message_id) do update set
    content = case when excluded.deleted_at is null then excluded.content else '[]'::jsonb end,
    text = case when excluded.deleted_at is null then excluded.text else '' end,
    revision = excluded.revision,
    deleted_at = coalesce(m.deleted_at, excluded.deleted_at)
  where m.deleted_at is null and (excluded.deleted_at is not null or m.revision < excluded.revision)
)
select i.id, coalesce(f.id, e.id, i.id) as stored_id, f.id is not null as fresh
from input i
left join fresh f on f.id = i.id
left join events e on f.id is null and e.installation_id = i.inst and e.dedupe_key = i.dedupe`,
} as const;

/**
 * Commits a batch of events with the messages they carry, in one statement: each new under its dedupe key, its conversation due.
 *
 * `stored_id` is the id under which the event stands, also when it was there before. Rows of one batch must have distinct dedupe keys.
 */
export function insertEvents(
  sql: SqlRunner,
  events: readonly IntakeRow[],
  messages: readonly MessageRow[],
): Promise<IntakeResult[]> {
  return sql.query<IntakeResult>(INTAKE, [JSON.stringify(events), JSON.stringify(messages)]);
}
