import type { SqlRunner } from "./connection/database.ts";
import { SOURCES_COLUMN, type TurnSource } from "./turn-sources.ts";

/** A turn with what is needed to run it again: its trigger, where its reply goes, and what exists of it already. */
export interface LoadedTurn {
  readonly id: string;
  readonly agent_id: string;
  readonly organization_id: string;
  readonly conversation_id: string;
  readonly reply_conversation_id: string;
  readonly reason: string;
  readonly epoch: number;
  readonly attempt: number;
  /** Of the attempts, how many did not reach the agent. */
  readonly retries: number;
  /** How often its worker ended while it ran, as far as it is suspected of that. */
  readonly deaths: number;
  readonly hop_count: number;
  readonly root_event_id: string;
  readonly event_id: string;
  readonly envelope: unknown;
  readonly reply_path: unknown;
  readonly installation_id: string;
  readonly platform: string;
  /** What is left of its time, by the ledger's clock. */
  readonly remaining_ms: number | null;
  readonly state: string;
  readonly owner: string | null;
  readonly cancel_requested: string | null;
  readonly deferred_reply: unknown;
  readonly preview_id: string | null;
  readonly preview_text: string | null;
  readonly current_content: unknown;
  /** What earlier attempts were given of other conversations. */
  readonly sources: readonly TurnSource[] | null;
}

const LOAD_COLUMNS = `t.id, t.agent_id, t.organization_id, t.conversation_id, t.reply_conversation_id, t.reason, t.epoch, t.attempt, t.retries, t.deaths, t.hop_count, t.root_event_id, t.event_id,
  e.envelope, c.path as reply_path, c.installation_id, c.platform, (extract(epoch from t.deadline_at - now()) * 1000)::float8 as remaining_ms, t.state, t.owner, t.cancel_requested, r.reply as deferred_reply, p.id as preview_id, p.fallback_text as preview_text,
  m.content as current_content, ${SOURCES_COLUMN}`;

const LOAD_JOINS = `join events e on e.id = t.event_id join conversations c on c.id = t.reply_conversation_id
  left join deferred_replies r on r.turn_id = t.id
  left join lateral (select n.content from messages n where n.installation_id = c.installation_id and n.channel_id = c.channel_id and n.message_id = t.trigger_message_id
    and n.deleted_at is null limit 1) m on true
  left join lateral (select d.id, d.fallback_text from deliveries d where d.turn_id = t.id and d.preview and not d.final and d.state in ('open', 'unknown', 'sending', 'pending') limit 1) p on true`;

export function loadTurns(sql: SqlRunner, ids: readonly string[]): Promise<LoadedTurn[]> {
  return sql.query<LoadedTurn>(
    {
      name: "load_turns",
      text: `select ${LOAD_COLUMNS} from turns t ${LOAD_JOINS} where t.id = any($1::text[]) order by t.order_no`,
    },
    [ids],
  );
}

/** Agents that have answered an event. */
export async function listAnswered(sql: SqlRunner, eventId: string): Promise<readonly string[]> {
  const rows = await sql.query<{ agent_id: string }>(
    {
      name: "list_answered",
      text: "select agent_id from turns where event_id = $1 and replied_at is not null and outcome = 'answered' order by replied_at",
    },
    [eventId],
  );
  return rows.map((row) => row.agent_id);
}

/**
 * Lets a running turn wait for its deferred reply, and records what its agent was given; false when it was taken over or cancelled. A reply that
 * came already rings at once.
 */
export async function deferTurn(
  sql: SqlRunner,
  turn: { id: string; epoch: number; owner: string; deadlineMs: number; context: readonly string[] },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "defer_turn",
      text: `with waiting as (
          update turns set state = case when exists (select 1 from deferred_replies r where r.turn_id = turns.id) then 'queued' else 'waiting' end, owner = null,
            deadline_at = now() + $4 * interval '1 millisecond'
          where id = $1 and epoch = $2 and owner = $3 and state = 'running' and cancel_requested is null
          returning id, organization_id, agent_id, reply_conversation_id, state
        ), told as (
          insert into audit_log (organization_id, entries)
          select organization_id, jsonb_build_array(jsonb_build_object('what', 'context_read', 'turn', id, 'by', agent_id, 'conversation', reply_conversation_id,
            'rule', 'deferred', 'context', $5::jsonb))::text from waiting
        )
        update conversations c set due_at = case when w.state = 'queued' then now() else c.due_at end, rings = c.rings + 1
        from waiting w where c.id = w.reply_conversation_id returning c.id`,
    },
    [turn.id, turn.epoch, turn.owner, turn.deadlineMs, JSON.stringify(turn.context)],
  );
  return rows.length > 0;
}

/** Stores the one deferred reply of a turn and makes the turn due; says why when it cannot. */
export async function storeDeferredReply(
  sql: SqlRunner,
  turnId: string,
  reply: unknown,
): Promise<"stored" | "used" | "ended" | "unknown"> {
  const [row] = await sql.query<{ known: boolean; ended: boolean; stored: boolean }>(
    {
      text: `with turn as (select id, organization_id, reply_conversation_id, finished_at, state, state <> 'queued' and coalesce(deadline_at < now(), false) as late from turns where id = $1 for update),
        stored as (
          insert into deferred_replies (turn_id, organization_id, reply)
          select id, organization_id, $2::jsonb from turn where finished_at is null and state in ('waiting', 'running', 'queued') and not late
          on conflict (turn_id) do nothing returning turn_id
        ), woken as (
          update turns t set state = 'queued', not_before = now() from stored s where t.id = s.turn_id and t.state = 'waiting' returning t.reply_conversation_id
        ), rung as (
          update conversations c set due_at = now(), rings = c.rings + 1 from woken w where c.id = w.reply_conversation_id
        )
        select exists (select 1 from turn) as known, coalesce((select finished_at is not null or state = 'delivering' or late from turn), false) as ended,
          exists (select 1 from stored) as stored`,
    },
    [turnId, JSON.stringify(reply)],
  );
  if (row === undefined || !row.known) return "unknown";
  if (row.stored) return "stored";
  return row.ended ? "ended" : "used";
}

/** Records an unusual step for `explain`. */
export async function writeJournal(
  sql: SqlRunner,
  entry: {
    organizationId: string;
    eventId?: string | null;
    turnId?: string | null;
    verb: string;
    outcome: string;
    rule: string;
    detail?: unknown;
  },
): Promise<void> {
  await sql.query(
    {
      name: "write_journal",
      text: "insert into journal (organization_id, event_id, turn_id, verb, outcome, rule, detail) values ($1, $2, $3, $4, $5, $6, $7::jsonb)",
    },
    [
      entry.organizationId,
      entry.eventId ?? null,
      entry.turnId ?? null,
      entry.verb,
      entry.outcome,
      entry.rule,
      JSON.stringify(entry.detail ?? null),
    ],
  );
}
