import type { SqlRunner } from "./connection/database.ts";
import { ONE_BY_ONE } from "./one-by-one.ts";
import { STANDS_ASIDE } from "./postponed-turns.ts";
import { ACCESS_EPOCH } from "./sendable.ts";

export interface ReleaseRow {
  readonly id: string;
  readonly epoch: number;
  readonly rings: number;
  readonly routed: string | null;
  /** When it must be looked at again, ISO 8601; null when nothing is known to come. */
  readonly next_due: string | null;
  /** It must be looked at again this many ms from now, by the ledger's clock; null when `next_due` says it all. */
  readonly again_ms: number | null;
  /** The person who takes it over from now on; empty where it is given back, null where that stays as it is. */
  readonly taken_over: string | null;
}

export interface RoutedEventRow {
  readonly id: string;
  readonly conv: string;
  readonly state: string;
  readonly reason: string | null;
  readonly open_turns: number;
  readonly steered: string | null;
  /** Turns in whose place it opens others: where all of them have answered meanwhile, it opens none. Default: it opens turns anyway. */
  readonly replaces?: readonly string[];
}

/** Whether one agent got a turn for one event, and by which rule. */
export interface DecisionRow {
  readonly event: string;
  readonly agent: string;
  readonly verdict: string;
  readonly rule: string;
  readonly turn: string | null;
  readonly detail: unknown;
}

export interface NewTurnRow {
  readonly id: string;
  readonly org: string;
  readonly agent: string;
  readonly conv: string;
  readonly reply_conv: string;
  readonly reply_thread: string | null;
  readonly reply_path: unknown;
  readonly event: string;
  readonly trigger_message: string | null;
  readonly asker: string | null;
  readonly reason: string;
  /** Start at once unless the agent already works in that conversation. */
  readonly start: boolean;
  readonly timeout_ms: number;
  readonly hop: number;
  readonly root: string;
  readonly actor: string | null;
  readonly restarts: number;
}

/** Ends a queued turn at once; asks the owner of a running one, and through the sweep of one that people saw begin, to stop; of one being delivered the rest is not sent. */
export interface CancelRow {
  readonly id: string;
  readonly conv: string;
  readonly state: "cancelled" | "superseded" | "expired";
  readonly reason: string;
}

export interface RoutingCommit {
  readonly owner: string;
  readonly conversations: readonly ReleaseRow[];
  readonly events: readonly RoutedEventRow[];
  readonly decisions: readonly DecisionRow[];
  readonly turns: readonly NewTurnRow[];
  /** Turns that start now; each has its whole time from now on, however long it queued. */
  readonly promote: readonly { readonly id: string; readonly conv: string; readonly timeout_ms: number }[];
  readonly cancel: readonly CancelRow[];
}

export interface StartedTurn {
  readonly id: string;
  readonly conv: string;
  readonly state: string;
  readonly epoch: number;
  readonly attempt: number;
  readonly deadline_at: Date | null;
  readonly promoted: boolean;
}

/** How long an event that cannot be decided yet is put off, in ms. */
export const HOLD_MS = 300;

const ROUTE = {
  name: "route",
  text: `
with held as materialized (
  select c.id, i.rings, i.routed, i.taken_over, least(i.next_due, now() + i.again_ms * interval '1 millisecond') as next_due
  from jsonb_to_recordset($2::jsonb) as i(id text, epoch bigint, rings bigint, routed text, next_due timestamptz, again_ms int, taken_over text)
  cross join lateral (select x.id from conversations x where x.id = i.id and x.lease_owner = $1 and x.lease_epoch = i.epoch for update) c
  where ${ONE_BY_ONE("i.id")}
), ending as materialized (
  select i.*, exists (select 1 from deliveries d where d.turn_id = i.id and d.preview and not d.final and d.state in ('pending', 'sending', 'open', 'unknown')) as shown
  from jsonb_to_recordset($6::jsonb) as i(id text, conv text, state text, reason text) join held h on h.id = i.conv
), unsent as (
  update deliveries d set state = 'cancelled', reason = i.reason, owner = null from ending i
  where d.turn_id = i.id and d.state = 'pending' and d.message_id is null and not d.preview
), cancelled as (
  update turns t set
    cancel_requested = i.state || ':' || i.reason,
    state = case when t.state in ('queued', 'waiting') and not i.shown then i.state else t.state end,
    state_reason = case when t.state in ('queued', 'waiting') and not i.shown then i.reason else t.state_reason end,
    finished_at = case when t.state in ('queued', 'waiting') and not i.shown then now() end
  from ending i where t.id = i.id and t.state in ('queued', 'waiting', 'running') returning t.id, t.event_id, t.state, t.state_reason, t.finished_at
), ev_in as materialized (
  select e.id, e.conv, e.steered, l.lapsed, case when l.lapsed then 'dropped' else e.state end as state, case when l.lapsed then 'edit_without_open_turn' else e.reason end as reason,
    case when l.lapsed then 0 else e.open_turns end as open_turns, case when not l.lapsed then e.decisions end as decisions
  from jsonb_to_recordset($3::jsonb) as e(id text, conv text, state text, reason text, open_turns int, steered text, decisions jsonb, replaces jsonb) join held h on h.id = e.conv
  -- An answer that was committed while this was decided stands: the row of its turn was locked until then.
  cross join lateral (select e.replaces is not null and not exists (select 1 from cancelled x where e.replaces ? x.id) as lapsed) l
), ev as (
  update events e set state = i.state, state_reason = i.reason, open_turns = i.open_turns, steered_turn_id = i.steered,
    decisions = case when i.decisions is null then e.decisions else coalesce(e.decisions, '[]'::jsonb) || jsonb_build_object('at', now(), 'agents', i.decisions) end,
    finished_at = case when i.state in ('routed', 'steering', 'pending') then null else now() end,
    not_before = case when i.state = 'pending' then now() + ${HOLD_MS} * interval '1 millisecond' else e.not_before end
  from ev_in i where e.id = i.id and e.state = 'pending' returning e.id, e.organization_id, e.state, e.state_reason, i.decisions
), turn_in as materialized (
  select t.* from jsonb_to_recordset($4::jsonb) as t(seq int, id text, org text, agent text, conv text, reply_conv text, reply_thread text, reply_path jsonb, event text,
    trigger_message text, asker text, reason text, start boolean, timeout_ms int, hop int, root text, actor text, restarts int) join held h on h.id = t.conv
  where not exists (select 1 from ev_in i where i.id = t.event and i.lapsed)
), reply_conv as (
  insert into conversations (id, organization_id, installation_id, platform, channel_id, thread_id, path, due_at)
  select distinct on (t.reply_conv) t.reply_conv, c.organization_id, c.installation_id, c.platform, c.channel_id, t.reply_thread, t.reply_path,
    case when not t.start then now() end
  from turn_in t join conversations c on c.id = t.conv where t.reply_conv <> t.conv order by t.reply_conv
  on conflict (id) do nothing
), cancelled_ev as (
  update events e set open_turns = e.open_turns - x.n,
    state = case when e.open_turns - x.n > 0 then e.state when exists (select 1 from turns t where t.event_id = e.id and t.state = 'answered') then 'answered' else x.state end,
    state_reason = case when e.open_turns - x.n > 0 then e.state_reason else x.reason end,
    finished_at = case when e.open_turns - x.n > 0 then null else now() end
  from (select event_id, count(*)::int as n, min(state) as state, min(state_reason) as reason from cancelled where finished_at is not null group by event_id) x
  where e.id = x.event_id
), turn as (
  insert into turns (id, organization_id, agent_id, conversation_id, reply_conversation_id, event_id, trigger_message_id, asker_id, reason, state, owner,
    deadline_at, hop_count, root_event_id, trigger_actor, restarts, started_at, access_epoch)
  select t.id, t.org, t.agent, t.conv, t.reply_conv, t.event, t.trigger_message, t.asker, t.reason, s.state,
    case s.state when 'running' then $1 end, now() + t.timeout_ms * interval '1 millisecond', t.hop, t.root, t.actor, t.restarts,
    case s.state when 'running' then now() end, ${ACCESS_EPOCH("(select c.installation_id from conversations c where c.id = t.conv)", "t.reply_path->'channel'->>'id'")}
  from turn_in t cross join lateral (
    select case when t.start and not exists (
      select 1 from turns o where o.reply_conversation_id = t.reply_conv and o.agent_id = t.agent and o.finished_at is null and not ${STANDS_ASIDE("o")}) then 'running' else 'queued' end as state) s
  order by t.seq
  on conflict (event_id, agent_id) do nothing
  returning id, conversation_id as conv, state, epoch, attempt, deadline_at, false as promoted
), promoted as (
  update turns t set state = 'running', owner = $1, epoch = t.epoch + 1, started_at = now(),
    deadline_at = greatest(t.deadline_at, now() + i.timeout_ms * interval '1 millisecond')
  from jsonb_to_recordset($5::jsonb) as i(id text, conv text, timeout_ms int) join held h on h.id = i.conv
  where t.id = i.id and t.state = 'queued' and t.cancel_requested is null
  returning t.id, i.conv, t.state, t.epoch, t.attempt, t.deadline_at, true as promoted
), released as (
  update conversations c set lease_owner = null, lease_until = null,
    routed_order = greatest(c.routed_order, h.routed),
    taken_over_at = case when h.taken_over is null then c.taken_over_at when h.taken_over <> '' then now() end,
    taken_over_by = case when h.taken_over is null then c.taken_over_by else nullif(h.taken_over, '') end,
    due_at = case
      when c.rings <> h.rings then c.due_at
      when exists (select 1 from events e where e.conversation_id = c.id and e.is_pending and e.not_before <= now() and not exists (select 1 from ev_in i where i.id = e.id)) then now()
      else h.next_due end
  from held h where c.id = h.id
), told as (
  insert into audit_log (organization_id, entries)
  select organization_id, jsonb_agg(jsonb_strip_nulls(jsonb_build_object('what', 'routing', 'event', id, 'state', state, 'rule', state_reason, 'decisions', decisions)))::text
  from ev where state <> 'pending' group by organization_id
)
select * from turn union all select * from promoted union all select null, id, null, null, null, null, null from held`,
} as const;

/**
 * Commits what routing decided for leased conversations and lets the leases go, in one statement.
 *
 * Rows of a conversation whose lease was lost are left out as a whole. Returns the turns with their state (running ones belong to `owner` now) and the
 * conversations that were held. Rejects with a unique violation (23505) when another process started the same agent in the same conversation meanwhile.
 */
export async function commitRouting(
  sql: SqlRunner,
  commit: RoutingCommit,
): Promise<{ turns: StartedTurn[]; held: Set<string> }> {
  const rows = await sql.query<StartedTurn & { id: string | null }>(ROUTE, [
    commit.owner,
    JSON.stringify(commit.conversations.toSorted((one, other) => (one.id < other.id ? -1 : 1))),
    JSON.stringify(withDecisions(commit.events, commit.decisions)),
    JSON.stringify(commit.turns.map((turn, seq) => ({ ...turn, seq }))),
    JSON.stringify(commit.promote),
    JSON.stringify(commit.cancel),
  ]);
  return {
    turns: rows.filter((row) => row.id !== null),
    held: new Set(rows.filter((row) => row.id === null).map((row) => row.conv)),
  };
}

/** Each event with the decisions about it, in the form in which they are kept. */
function withDecisions(events: readonly RoutedEventRow[], decisions: readonly DecisionRow[]): unknown[] {
  const byEvent = Map.groupBy(decisions, (decision) => decision.event);
  return events.map((event) => ({ ...event, decisions: keptDecisions(byEvent.get(event.id) ?? []) }));
}

/** Undefined when there is none, for an event that cannot be decided yet. */
export function keptDecisions(decisions: readonly DecisionRow[]): Omit<DecisionRow, "event">[] | undefined {
  return decisions.length === 0
    ? undefined
    : decisions.map(({ agent, verdict, rule, turn, detail }) => ({ agent, verdict, rule, turn, detail }));
}
