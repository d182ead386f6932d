import type { SqlRunner } from "./connection/database.ts";
import type { TurnFence } from "./turn-sources.ts";

/** Channel of the notification that a question to people was decided or ended; the payload is its id. */
export const REQUEST_ENDED = "parley_requests";

/** Ordinal of writes that show the decision; those of a reply are not negative. */
export const DECISION_ORDINAL = -1;
/** Ordinals of the writes that show a question of a running turn begin here and go down. */
export const LIVE_ORDINAL = -1_000;

/** A question to people with where it stands. */
export interface StoredRequest {
  readonly id: string;
  readonly organization_id: string;
  readonly agent_id: string;
  readonly turn_id: string;
  readonly conversation_id: string;
  readonly installation_id: string;
  readonly platform: string;
  readonly path: unknown;
  readonly action_id: string;
  readonly kind: "approval" | "input";
  /** Null once it was purged. */
  readonly part: unknown;
  readonly binding: string;
  readonly live: boolean;
  readonly asker_id: string | null;
  /** Who alone decides it. */
  readonly addressee_id: string | null;
  readonly state: "open" | "decided" | "expired" | "cancelled";
  readonly state_reason: string | null;
  readonly option_id: string | null;
  readonly effect: "allow" | "deny" | "neutral" | null;
  readonly fields: Readonly<Record<string, string>> | null;
  readonly decided_by: string | null;
  readonly decided_by_name: string | null;
  readonly decided_event: string | null;
  readonly decided_at: Date | null;
  readonly expires_at: Date;
  readonly is_over: boolean;
  readonly shown_at: Date | null;
  readonly created_at: Date;
  /** The writes that show it, in order. */
  readonly posts:
    | readonly { readonly state: string; readonly messageId: string | null; readonly deleted: boolean }[]
    | null;
}

export const REQUEST_COLUMNS = `r.id, r.organization_id, r.agent_id, r.turn_id, r.conversation_id, c.installation_id, c.platform, c.path, r.action_id, r.kind, r.part, r.binding, r.live,
  r.asker_id, r.addressee_id, r.state, r.state_reason, r.option_id, r.effect, r.fields, r.decided_by, r.decided_by_name, r.decided_event, r.decided_at, r.expires_at, r.expires_at <= now() as is_over,
  r.shown_at, r.created_at,
  (select jsonb_agg(jsonb_build_object('state', d.state, 'messageId', d.message_id, 'deleted', exists (
      select 1 from messages m where m.installation_id = c.installation_id and m.channel_id = c.channel_id and m.message_id = d.message_id and m.deleted_at is not null)) order by d.sequence)
    from deliveries d where d.turn_id = r.turn_id and d.request_id = r.id and d.ordinal <> ${DECISION_ORDINAL}) as posts`;

export const REQUEST_FROM = "requests r join conversations c on c.id = r.conversation_id";

/** SQL text that is true of a turn that asked people and waits, or has waited, for what they decide. */
export const HAS_ASKED = (t: string): string =>
  `exists (select 1 from requests asked where asked.turn_id = ${t}.id and asked.live)`;

/** Whether a question of a deleted message, or of a turn whose question was deleted, is ended with it. */
export const PURGE_REQUESTS = {
  name: "purge_requests",
  text: `update requests r set part = null, fields = null,
      state = case when r.state = 'open' then 'cancelled' else r.state end,
      state_reason = case when r.state = 'open' then 'message_deleted' else r.state_reason end,
      decided_at = case when r.state = 'open' then now() else r.decided_at end
    where (r.turn_id = $1 or r.turn_id in (select t.id from turns t where t.event_id = any($2::text[])))
      and (r.part is not null or r.fields is not null)
      -- The turn that waits has its answer before it is forgotten.
      and not exists (select 1 from turns t where t.id = r.turn_id and t.finished_at is null and r.live and r.state = 'decided')
    returning pg_notify('${REQUEST_ENDED}', r.id)`,
} as const;

export function readRequests(sql: SqlRunner, ids: readonly string[]): Promise<StoredRequest[]> {
  return sql.query<StoredRequest>(
    {
      name: "read_requests",
      text: `select ${REQUEST_COLUMNS} from ${REQUEST_FROM} where r.id = any($1::text[])`,
    },
    [ids],
  );
}

export async function readRequest(sql: SqlRunner, id: string): Promise<StoredRequest | undefined> {
  const [row] = await readRequests(sql, [id]);
  return row;
}

/** A question of a running turn, with the writes that show it. */
export interface LiveRequest {
  readonly id: string;
  readonly actionId: string;
  readonly kind: "approval" | "input";
  readonly part: unknown;
  readonly binding: string;
  /** Who alone decides it; null for anybody who may. */
  readonly addresseeId: string | null;
  readonly expiresInMs: number;
  readonly posts: readonly { readonly id: string; readonly body: unknown; readonly fallback: string }[];
}

/** Questions that one turn may ask; an agent that asks without end is stopped there. */
export const MAX_REQUESTS_PER_TURN = 50;

/**
 * Stores a question that a turn asks, with the writes that show it, unless it stands already; one transaction fenced by the turn.
 *
 * `lost` when the turn is not this worker's any more or was asked to stop, `too_many` when it has asked too much.
 */
export async function askInTurn(
  tx: SqlRunner,
  fence: TurnFence,
  request: LiveRequest,
): Promise<{ readonly id: string; readonly isNew: boolean } | "lost" | "too_many"> {
  // Fenced by an update and not by a lock, so that two questions at once wait for each other.
  const [turn] = await tx.query<{ asked: number }>(
    {
      name: "extend_turn",
      text: `update turns t set deadline_at = greatest(t.deadline_at, now() + $4 * interval '1 millisecond')
        where t.id = $1 and t.epoch = $2 and t.owner = $3 and t.state = 'running' and t.cancel_requested is null
        returning (select count(*)::int from requests r where r.turn_id = t.id) as asked`,
    },
    [fence.turnId, fence.epoch, fence.owner, request.expiresInMs],
  );
  if (turn === undefined) return "lost";
  const [standing] = await tx.query<{ id: string }>(
    {
      name: "standing_request",
      text: "select id from requests where turn_id = $1 and action_id = $2 and binding = $3",
    },
    [fence.turnId, request.actionId, request.binding],
  );
  if (standing !== undefined) return { id: standing.id, isNew: false };
  if (turn.asked >= MAX_REQUESTS_PER_TURN) return "too_many";
  await tx.query(
    {
      name: "ask_in_turn",
      text: `with asked as (
          insert into requests (id, organization_id, agent_id, turn_id, conversation_id, action_id, kind, part, binding, live, asker_id, addressee_id, expires_at)
          select $1, t.organization_id, t.agent_id, t.id, t.reply_conversation_id, $3, $4, $5::jsonb, $6, true, t.asker_id, $9, now() + $7 * interval '1 millisecond'
          from turns t where t.id = $2
        ), posted as (
          insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, state, request_id)
          select x.id, t.organization_id, t.id, t.agent_id, t.reply_conversation_id, ${LIVE_ORDINAL} - x.ord, x.body, x.fallback, 'request:' || $1 || ':' || x.ord, t.asker_id, 'pending', $1
          from jsonb_to_recordset($8::jsonb) as x(id text, ord int, body jsonb, fallback text) cross join turns t where t.id = $2 order by x.ord
        )
        update conversations c set outbox_due_at = now() from turns t where t.id = $2 and c.id = t.reply_conversation_id`,
    },
    [
      request.id,
      fence.turnId,
      request.actionId,
      request.kind,
      JSON.stringify(request.part),
      request.binding,
      request.expiresInMs,
      JSON.stringify(request.posts.map((post, ord) => ({ ...post, ord }))),
      request.addresseeId,
    ],
  );
  return { id: request.id, isNew: true };
}

/** Gives a turn that has waited the time back that it had left. */
export async function resumeDeadline(sql: SqlRunner, fence: TurnFence, remainingMs: number): Promise<void> {
  await sql.query(
    {
      name: "resume_deadline",
      text: `update turns set deadline_at = now() + $4 * interval '1 millisecond'
        where id = $1 and epoch = $2 and owner = $3 and state = 'running'
          and not exists (select 1 from requests r where r.turn_id = $1 and r.live and r.state = 'open')`,
    },
    [fence.turnId, fence.epoch, fence.owner, Math.max(0, Math.round(remainingMs))],
  );
}

export interface RequestDecision {
  readonly id: string;
  readonly optionId: string | null;
  readonly effect: "allow" | "deny" | "neutral" | null;
  readonly fields: Readonly<Record<string, string>>;
  readonly by: { readonly id: string; readonly name: string };
  readonly eventId: string;
}

/** Decides an open question, once; false when it is not open any more. The event of the click is looked at again at once. */
export async function decideRequest(tx: SqlRunner, decision: RequestDecision): Promise<boolean> {
  const rows = await tx.query(
    {
      name: "decide_request",
      text: `with decided as (
          update requests r set state = 'decided', option_id = $2, effect = $3, fields = $4::jsonb, decided_by = $5, decided_by_name = $6, decided_event = $7, decided_at = now()
          where r.id = $1 and r.state = 'open' and r.expires_at > now()
            and exists (select 1 from events e where e.id = $7 and e.state = 'pending')
          returning r.id
        ), due as (
          update events e set not_before = now() from decided d where e.id = $7 and e.state = 'pending' returning e.conversation_id
        ), rung as (
          update conversations c set due_at = now(), rings = c.rings + 1 from due where c.id = due.conversation_id
        ), told as (
          select pg_notify('${REQUEST_ENDED}', id) from decided
        )
        select d.id from decided d left join told on true`,
    },
    [
      decision.id,
      decision.optionId,
      decision.effect,
      JSON.stringify(decision.fields),
      decision.by.id,
      decision.by.name,
      decision.eventId,
    ],
  );
  return rows.length > 0;
}

/** Ends an open question without a decision; false when somebody decided or ended it meanwhile. What of it is not sent yet is not sent any more. */
export async function endRequest(
  tx: SqlRunner,
  end: { readonly id: string; readonly state: "expired" | "cancelled"; readonly reason: string },
): Promise<boolean> {
  const rows = await tx.query(
    {
      name: "end_request",
      text: `with ended as (
          update requests set state = $2, state_reason = $3, decided_at = now() where id = $1 and state = 'open' returning id, turn_id, live
        ), unsent as (
          update deliveries d set state = 'cancelled', reason = $3, owner = null from ended e
          where e.live and d.turn_id = e.turn_id and d.request_id = e.id and d.state = 'pending' and d.message_id is null
        ), told as (
          select pg_notify('${REQUEST_ENDED}', id) from ended
        )
        select e.id from ended e left join told on true`,
    },
    [end.id, end.state, end.reason],
  );
  return rows.length > 0;
}

/** What earlier turns of a running turn's agent, in its conversation, have left open at their end. */
export function earlierQuestions(
  sql: SqlRunner,
  fence: TurnFence,
): Promise<{ id: string; turn_id: string; action_id: string; binding: string }[]> {
  return sql.query(
    {
      name: "earlier_questions",
      text: `select r.id, r.turn_id, r.action_id, r.binding from turns t
        join requests r on r.conversation_id = t.reply_conversation_id and r.agent_id = t.agent_id and r.turn_id <> t.id
        where t.id = $1 and t.epoch = $2 and t.owner = $3 and t.state = 'running' and r.state = 'open' and not r.live order by r.created_at`,
    },
    [fence.turnId, fence.epoch, fence.owner],
  );
}

/** Ends the event of a click that decides nothing; false when it was ended already. */
export async function endClick(tx: SqlRunner, eventId: string, reason: string): Promise<boolean> {
  const rows = await tx.query(
    {
      name: "end_click",
      text: "update events set state = 'dropped', state_reason = $2, finished_at = now() where id = $1 and state = 'pending' returning id",
    },
    [eventId, reason],
  );
  return rows.length > 0;
}

/** Questions that somebody must look at: out of time, of turns that are over, not shown to anybody, or decided and not shown to be. */
export function dueRequests(
  sql: SqlRunner,
  platforms: readonly string[],
): Promise<(StoredRequest & { readonly turn_over: boolean })[]> {
  return sql.query<StoredRequest & { readonly turn_over: boolean }>(
    {
      name: "due_requests",
      text: `with due as (
          select r.id, r.created_at, false as turn_over from requests r where r.state = 'open' and r.expires_at <= now()
          union all
          select r.id, r.created_at, true from requests r left join turns t on t.id = r.turn_id
            where r.state = 'open' and r.live and (t.id is null or t.finished_at is not null or t.state = 'delivering' or t.cancel_requested is not null)
          union all
          select r.id, r.created_at, true from requests r join agents a on a.id = r.agent_id where r.state = 'open' and a.removed_at is not null
          union all
          select r.id, r.created_at, false from requests r
            where r.state = 'open' and r.created_at < now() - interval '2 seconds'
              and not exists (select 1 from deliveries d where d.turn_id = r.turn_id and d.request_id = r.id and d.state not in ('rejected', 'cancelled', 'parked'))
          union all
          select r.id, r.created_at, false from requests r where r.state <> 'open' and r.shown_at is null
        ), one as (select id, bool_or(turn_over) as turn_over from due group by id)
        select ${REQUEST_COLUMNS}, one.turn_over from one join ${REQUEST_FROM} on r.id = one.id
        where c.platform = any($1::text[]) order by r.created_at limit 200`,
    },
    [platforms],
  );
}

/** A write that replaces the message of a question. */
export interface DecisionEdit {
  readonly id: string;
  readonly messageId: string;
  readonly body: unknown;
  readonly fallback: string;
}

/** Puts the writes that show how a question ended into the outbox, once; without any it counts as shown. */
export async function showDecision(
  tx: SqlRunner,
  request: { readonly id: string; readonly state: string },
  edits: readonly DecisionEdit[],
): Promise<boolean> {
  const rows = await tx.query(
    {
      name: "show_decision",
      text: `with shown as (
          update requests set shown_at = now() where id = $1 and state = $2 and shown_at is null returning id, organization_id, turn_id, agent_id, conversation_id, asker_id
        ), edited as (
          insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, state, message_id, request_id)
          select x.id, s.organization_id, s.turn_id, s.agent_id, s.conversation_id, ${DECISION_ORDINAL}, x.body, x.fallback, 'decision:' || s.id || ':' || x.ord, s.asker_id, 'pending', x."messageId", s.id
          from jsonb_to_recordset($3::jsonb) as x(id text, ord int, "messageId" text, body jsonb, fallback text) cross join shown s order by x.ord
          on conflict do nothing returning conversation_id
        ), rung as (
          update conversations c set outbox_due_at = now() where c.id in (select conversation_id from edited)
        )
        select id from shown`,
    },
    [request.id, request.state, JSON.stringify(edits.map((edit, ord) => ({ ...edit, ord })))],
  );
  return rows.length > 0;
}

/** Whether a person has the conversation of an event to themselves. */
export async function isTakenOver(sql: SqlRunner, eventId: string): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "is_taken_over",
      text: "select 1 from events e join conversations c on c.id = e.conversation_id where e.id = $1 and c.taken_over_at is not null",
    },
    [eventId],
  );
  return rows.length > 0;
}
