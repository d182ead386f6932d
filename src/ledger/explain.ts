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

/** The event that a reference means: an event id, a turn id, a delivery id, or a message id of any platform (the newest, if several). */
export async function findEvent(
  sql: SqlRunner,
  organizationId: string,
  reference: string,
): Promise<ExplainedEvent | undefined> {
  const [row] = await sql.query<ExplainedEvent>(
    {
      text: `select e.id, e.kind, e.envelope->>'platform' as platform, e.state, e.state_reason, e.envelope->>'traceId' as trace_id, e.envelope->'sender'->>'kind' as sender_kind,
          e.received_at, e.finished_at, e.conversation_id, e.dedupe_key
        from events e where e.organization_id = $1 and e.id = (
          select id from (
            select id, 0 as rank, received_at from events where id = $2 and organization_id = $1
            union all select event_id, 1, created_at from turns where id = $2 and organization_id = $1
            union all select t.event_id, 2, d.created_at from deliveries d join turns t on t.id = d.turn_id where d.id = $2 and d.organization_id = $1
            union all select m.event_id, 3, m.occurred_at from messages m where m.message_id = $2 and m.organization_id = $1 and m.event_id is not null
            union all select t.event_id, 4, d.created_at from deliveries d join turns t on t.id = d.turn_id where d.message_id = $2 and d.organization_id = $1
            union all select id, 5, received_at from events where envelope->>'traceId' = $2 and organization_id = $1
          ) found order by rank, received_at desc limit 1)`,
    },
    [organizationId, reference],
  );
  return row;
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
