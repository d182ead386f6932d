import type { SqlRunner } from "./connection/database.ts";

export interface ExplainedEvent {
  readonly id: string;
  readonly kind: string;
  readonly platform: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly trace_id: string;
  readonly sender_kind: string;
  readonly received_at: Date;
  readonly finished_at: Date | null;
  readonly conversation_id: string;
  readonly dedupe_key: string;
}

export interface ExplainedDecision {
  readonly handle: string;
  readonly verdict: string;
  readonly rule: string;
  readonly turn_id: string | null;
  readonly detail: { readonly late?: boolean } | null;
  readonly decided_at: Date;
}

export interface ExplainedTurn {
  readonly id: string;
  readonly handle: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly attempt: number;
  readonly epoch: number;
  readonly reason: string;
  readonly hop_count: number;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly replied_at: Date | null;
  readonly finished_at: Date | null;
  readonly parts: number | null;
}

export interface ExplainedDelivery {
  readonly id: string;
  readonly turn_id: string;
  readonly handle: string;
  readonly ordinal: number;
  readonly state: string;
  readonly attempt: number;
  readonly code: string | null;
  readonly reason: string | null;
  readonly message_id: string | null;
  readonly preview: boolean;
  readonly first_attempt_at: Date | null;
  readonly delivered_at: Date | null;
  readonly created_at: Date;
}

export interface ExplainedStep {
  readonly verb: string;
  readonly outcome: string;
  readonly rule: string;
  readonly detail: Record<string, string | number | boolean | null> | null;
  readonly at: Date;
}

/**
 * The event that an id means: an event id, a turn id, a delivery id, or a message id of any platform (the newest, if several).
 *
 * With a channel, only messages of that channel are meant; with an installation as well, the message is looked up directly.
 */
export async function findEvent(
  sql: SqlRunner,
  organizationId: string,
  reference: { readonly id: string; readonly channelId?: string | undefined; readonly platform?: string | undefined },
): Promise<ExplainedEvent | undefined> {
  const { id, channelId = null, platform = null } = reference;
  const [row] = await sql.query<ExplainedEvent>(
    {
      text: `with installed as materialized (
          select id from installations where organization_id = $1 and ($4::text is null or platform = $4)
        ), message as materialized (
          select m.event_id, m.turn_id, m.occurred_at from messages m
          where $3::text is null and m.message_id = $2 and m.organization_id = $1
          union all
          select m.event_id, m.turn_id, m.occurred_at from installed i join messages m on m.installation_id = i.id and m.channel_id = $3 and m.message_id = $2
          where $3::text is not null
        )
        select e.id, e.kind, e.envelope->>'platform' as platform, e.state, e.state_reason, e.envelope->>'traceId' as trace_id, e.envelope->'sender'->>'kind' as sender_kind,
          e.received_at, e.finished_at, e.conversation_id, e.dedupe_key
        from events e where e.organization_id = $1 and e.id = (
          select id from (
            select event_id as id, 3 as rank, occurred_at as at from message where event_id is not null
            union all select t.event_id, 2, m.occurred_at from message m join turns t on t.id = m.turn_id
            union all select id, 0, received_at from events where $3::text is null and id = $2 and organization_id = $1
            union all select event_id, 1, created_at from turns where $3::text is null and id = $2 and organization_id = $1
            union all select t.event_id, 2, d.created_at from deliveries d join turns t on t.id = d.turn_id where $3::text is null and d.id = $2 and d.organization_id = $1
            union all select t.event_id, 4, d.created_at from deliveries d join turns t on t.id = d.turn_id
              where $3::text is null and d.message_id = $2 and d.organization_id = $1
            union all select id, 5, received_at from events where $3::text is null and envelope->>'traceId' = $2 and organization_id = $1
          ) found order by rank, at desc limit 1)`,
    },
    [organizationId, id, channelId, platform],
  );
  return row;
}

export interface ExplainedSource {
  readonly turn_id: string;
  readonly installation_id: string;
  readonly channel_id: string;
  readonly thread_id: string;
  readonly message_ids: readonly string[];
  readonly channel_name: string | null;
  readonly read_at: Date;
}

/** The other conversations that turns were given messages of. */
export function listSources(sql: SqlRunner, turnIds: readonly string[]): Promise<ExplainedSource[]> {
  return sql.query(
    {
      text: `select s.turn_id, s.installation_id, s.channel_id, s.thread_id, s.message_ids, h.name as channel_name, s.read_at
        from turn_sources s left join channels h on h.installation_id = s.installation_id and h.channel_id = s.channel_id
        where s.turn_id = any($1::text[]) order by s.read_at`,
    },
    [turnIds],
  );
}

/** When turns asked people something, and when that was decided or over. */
export function listAskedAt(
  sql: SqlRunner,
  turnIds: readonly string[],
): Promise<{ readonly id: string; readonly created_at: Date; readonly decided_at: Date | null }[]> {
  return sql.query(
    { text: "select id, created_at, decided_at from requests where turn_id = any($1::text[]) order by created_at" },
    [turnIds],
  );
}

export function listDecisions(sql: SqlRunner, eventId: string): Promise<ExplainedDecision[]> {
  return sql.query(
    {
      text: `select coalesce(a.handle, d->>'agent') as handle, d->>'verdict' as verdict, d->>'rule' as rule, d->>'turn' as turn_id,
          nullif(d->'detail', 'null'::jsonb) as detail, (r->>'at')::timestamptz as decided_at
        from events e cross join jsonb_array_elements(e.decisions) r cross join jsonb_array_elements(r->'agents') d left join agents a on a.id = d->>'agent'
        where e.id = $1 order by decided_at, handle`,
    },
    [eventId],
  );
}

export function listTurns(sql: SqlRunner, eventId: string): Promise<ExplainedTurn[]> {
  return sql.query(
    {
      text: `select t.id, coalesce(a.handle, t.agent_id) as handle, t.state, t.state_reason, t.attempt, t.epoch, t.reason, t.hop_count, t.created_at, t.started_at, t.replied_at,
          t.finished_at, jsonb_array_length(t.reply->'parts') as parts
        from turns t left join agents a on a.id = t.agent_id where t.event_id = $1 order by t.order_no`,
    },
    [eventId],
  );
}

export function listDeliveries(sql: SqlRunner, turnIds: readonly string[]): Promise<ExplainedDelivery[]> {
  return sql.query(
    {
      text: `select d.id, d.turn_id, coalesce(a.handle, d.agent_id) as handle, d.ordinal, d.state, d.attempt, d.code, d.reason, d.message_id, d.preview, d.first_attempt_at,
          d.delivered_at, d.created_at
        from deliveries d left join agents a on a.id = d.agent_id where d.turn_id = any($1::text[]) order by d.sequence`,
    },
    [turnIds],
  );
}

export function listJournal(sql: SqlRunner, eventId: string, turnIds: readonly string[]): Promise<ExplainedStep[]> {
  return sql.query(
    {
      text: "select verb, outcome, rule, detail, at from journal where event_id = $1 or turn_id = any($2::text[]) order by id",
    },
    [eventId, turnIds],
  );
}
