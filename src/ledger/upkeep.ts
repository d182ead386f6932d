import { DIALS_IN, IS_AWAY, KEPT_FOR } from "./agent-connections.ts";
import type { SqlRunner } from "./connection/database.ts";
import { IS_POSTPONED } from "./postponed-turns.ts";
import { SENDING_COLUMNS, type SendingDelivery } from "./replies.ts";
import { HAS_ASKED } from "./requests.ts";

/** A worker whose heartbeat is older than this counts as dead, in ms. */
export const WORKER_DEAD_AFTER_MS = 3_500;

const DEAD_OWNER = (owner: string) =>
  `not exists (select 1 from workers w where w.id = ${owner} and w.heartbeat_at > now() - ${WORKER_DEAD_AFTER_MS} * interval '1 millisecond')`;

/** Says that this worker lives; the row appears with the first beat. */
export async function beat(sql: SqlRunner, worker: { id: string; roles: string }): Promise<void> {
  await sql.query(
    {
      name: "beat",
      text: "insert into workers (id, roles) values ($1, $2) on conflict (id) do update set heartbeat_at = now()",
    },
    [worker.id, worker.roles],
  );
}

/** Takes a worker off the list that ends in good order, so that what it left is taken over at once and blamed for nothing; also forgets workers dead for an hour. */
export async function leave(sql: SqlRunner, workerId: string): Promise<void> {
  await sql.query(
    {
      text: `with left_behind as (update turns set trial_epoch = -epoch where is_active and owner = $1 and state = 'running')
        delete from workers where id = $1 or heartbeat_at < now() - interval '1 hour'`,
    },
    [workerId],
  );
}

/** Forgets all workers; for a ledger that only one process can open, where whoever was before is gone for certain. */
export async function forgetAllWorkers(sql: SqlRunner): Promise<void> {
  await sql.query({ text: "delete from workers" });
}

export interface OwnTurn {
  readonly id: string;
  readonly cancel_requested: string | null;
}

/** The turns that this worker is said to run, with requests to stop them. */
export function listOwnTurns(sql: SqlRunner, owner: string): Promise<OwnTurn[]> {
  return sql.query<OwnTurn>(
    {
      name: "own_turns",
      text: "select id, cancel_requested from turns where is_active and owner = $1 and state = 'running'",
    },
    [owner],
  );
}

/** Poison guard: a turn whose workers died this often is not run again. */
const MAX_DEATHS = 5;
/** A turn whose workers died this often is a suspect: of those a process runs one at a time. */
export const SUSPECT_AFTER_DEATHS = 2;
/** The same of a turn that waits for people, for days at most: it sees many processes come and go that it did not end. */
const MAX_DEATHS_OF_ASKING = 50;

export interface Orphan {
  readonly id: string;
  readonly requeued: boolean;
  /** It is ended because its workers ended while it ran. */
  readonly died: boolean;
}

/**
 * What the end of its worker makes of a running turn's deaths: nothing where that ended in good order. A turn that was the one suspect at work there is blamed; so is one of our own that got
 * lost, and one that waits for people, which is in no trial. Any other may have run beside the one to blame: it becomes a suspect and no more. SQL text.
 */
const DEATHS_AFTER = (turn: string): string => `case when ${turn}.trial_epoch = -${turn}.epoch then ${turn}.deaths
  when ${turn}.trial_epoch = ${turn}.epoch or ${turn}.owner = $1 or ${HAS_ASKED(turn)} then ${turn}.deaths + 1
  else greatest(${turn}.deaths, least(${turn}.deaths + 1, ${SUSPECT_AFTER_DEATHS})) end`;

/**
 * The messages that an attempt of a turn can have been given, when nobody is left to say which it was: the window that it would have read, with what
 * was deleted since, and what was handed to it while it ran. As SQL text that gives a list of ids.
 */
const GIVEN_AT_MOST = (turn: string): string => `(select coalesce(jsonb_agg(g.message_id), '[]'::jsonb) from (
      (select m.message_id from messages m where m.conversation_id = ${turn}.conversation_id and (m.deleted_at is null or m.deleted_at >= ${turn}.started_at)
        and m.platform_order <= (select e.platform_order from events e where e.id = ${turn}.event_id)
        order by m.platform_order desc limit 1 + coalesce((select (a.definition->>'historyMessages')::int from agents a where a.id = ${turn}.agent_id), 200)
          + (select count(*) from messages d where d.conversation_id = ${turn}.conversation_id and d.deleted_at >= ${turn}.started_at))
      union select c.thread_id from conversations c where c.id = ${turn}.conversation_id and c.thread_id is not null
      union select s.envelope->'body'->>'messageId' from events s where s.steered_turn_id = ${turn}.id
    ) g where g.message_id is distinct from ${turn}.trigger_message_id)`;

/**
 * Takes turns of these platforms that nobody will end otherwise, under a new epoch.
 *
 * Those whose owner is dead (or that `lost` names) go back to their queue, and so do waiting ones whose deferred reply came unnoticed. Those that
 * were stopped, waited or queued too long, or were at work too often when their worker ended, come into this worker's hands to be ended.
 */
export function takeOrphans(
  sql: SqlRunner,
  owner: string,
  options: { lost: readonly string[]; platforms: readonly string[]; othersToo: boolean },
): Promise<Orphan[]> {
  return sql.query<Orphan>(
    {
      name: "take_orphans",
      text: `with orphan as (
        select t.id, t.state, case when t.state = 'running' then ${DEATHS_AFTER("t")} else t.deaths end as deaths,
          t.cancel_requested is null and ((t.state = 'running' and ${DEATHS_AFTER("t")} < case when ${HAS_ASKED("t")} then ${MAX_DEATHS_OF_ASKING} else ${MAX_DEATHS} end) or (t.state = 'waiting' and r.turn_id is not null)) as again
        from turns t join conversations c on c.id = t.reply_conversation_id and c.platform = any($3::text[])
        left join deferred_replies r on r.turn_id = t.id and t.state in ('waiting', 'queued')
        where t.finished_at is null and t.reply_conversation_id is not null and ((t.state = 'running' and (t.id = any($2::text[]) or ($4::boolean and t.owner <> $1 and ${DEAD_OWNER("t.owner")})))
          or (t.state = 'waiting' and (t.deadline_at < now() or t.cancel_requested is not null or r.turn_id is not null))
          or (t.state = 'queued' and (t.cancel_requested is not null or (t.created_at < now() - ${KEPT_FOR("t.agent_id")} and r.turn_id is null and (not ${IS_POSTPONED("t")} or ${DIALS_IN("t.agent_id")}) and not ${HAS_ASKED("t")}))))
        order by t.id limit 200 for update of t skip locked
      ), taken as (
        update turns t set epoch = t.epoch + 1, deaths = o.deaths, attempt = t.attempt + case when o.state = 'running' then 1 else 0 end,
          state = case when o.again then 'queued' else 'running' end, owner = case when o.again then null else $1 end
        from orphan o where t.id = o.id
          -- Of one agent in one conversation only one turn is at work, so those that are to be ended are so one after the other.
          and (o.state <> 'queued' or not exists (select 1 from turns x where x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id
            and (x.is_active or (x.order_no < t.order_no and exists (select 1 from orphan e where e.id = x.id and e.state = 'queued')))))
        returning t.id, t.organization_id, t.event_id, t.agent_id, t.conversation_id, t.reply_conversation_id, t.trigger_message_id, t.started_at, t.state, t.attempt, t.deaths,
          o.state = 'running' as was_running, o.state = 'running' and t.state = 'running' as died
      ), told as (
        insert into audit_log (organization_id, entries)
        select k.organization_id, jsonb_agg(jsonb_build_object('what', 'context_read', 'turn', k.id, 'by', k.agent_id, 'conversation', k.reply_conversation_id,
          'attempt', k.attempt - 1, 'rule', 'attempt_ended_with_its_process', 'context', ${GIVEN_AT_MOST("k")}))::text
        from taken k where k.was_running group by k.organization_id
      ), noted as (
        insert into journal (organization_id, event_id, turn_id, verb, outcome, rule, detail)
        select organization_id, event_id, id, 'invoke', 'taken_over', 'owner_gone', jsonb_build_object('attempt', attempt, 'deaths', deaths, 'by', $1::text) from taken
      ), rung as (
        update conversations c set due_at = now(), rings = c.rings + 1 from taken k where c.id = k.reply_conversation_id and k.state = 'queued'
      )
      select id, state = 'queued' as requeued, died from taken`,
    },
    [owner, options.lost, options.platforms, options.othersToo],
  );
}

/** Says that a suspect is at work, alone of its kind in this process: the end of the process is blamed on it. */
export async function putOnTrial(
  sql: SqlRunner,
  turn: { readonly id: string; readonly epoch: number; readonly owner: string },
): Promise<void> {
  await sql.query(
    {
      name: "put_on_trial",
      text: "update turns set trial_epoch = epoch where id = $1 and epoch = $2 and owner = $3 and state = 'running'",
    },
    [turn.id, turn.epoch, turn.owner],
  );
}

/** The writes with their final text that this worker is said to be sending or reading back. */
export async function listOwnSending(sql: SqlRunner, owner: string): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    {
      name: "own_sending",
      text: "select id from deliveries where state = 'sending' and owner = $1 and final",
    },
    [owner],
  );
  return rows.map((row) => row.id);
}

const OWNER_DIED = "whoever was sending it ended or lost the ledger";

/** Deliveries that a dead worker was sending, or that `lost` names: edits are simply due again, new posts are of unknown outcome. */
export async function orphanDeliveries(
  sql: SqlRunner,
  owner: string,
  options: { lost: readonly string[]; othersToo: boolean },
): Promise<number> {
  const rows = await sql.query(
    {
      name: "orphan_deliveries",
      text: `with orphan as (
        select d.id from deliveries d where d.state = 'sending' and (d.id = any($2::text[]) or ($3::boolean and d.owner <> $1 and ${DEAD_OWNER("d.owner")})) order by d.id limit 500 for update skip locked
      ), changed as (
        update deliveries d set state = case when d.message_id is not null and not d.final then 'open' when d.message_id is not null then 'pending' else 'unknown' end,
          owner = null, absences = 0, not_before = now(), code = 'PLATFORM_OUTCOME_UNKNOWN', reason = '${OWNER_DIED}'
        from orphan o where d.id = o.id returning d.conversation_id
      ), rung as (
        update conversations c set outbox_due_at = now() where c.id in (select conversation_id from changed)
      )
      select conversation_id from changed`,
    },
    [owner, options.lost, options.othersToo],
  );
  return rows.length;
}

export interface UnknownDelivery extends SendingDelivery {
  readonly absences: number;
  readonly final: boolean;
  /** Whoever was sending it ended, and not its connection to the platform. */
  readonly owner_died: boolean;
  readonly known_message_ids: readonly string[] | null;
}

/** Takes deliveries of unknown outcome that are due for a read-back; they count as being sent by this worker until it records what it found. */
export function takeUnknown(sql: SqlRunner, owner: string, platforms: readonly string[]): Promise<UnknownDelivery[]> {
  return sql.query<UnknownDelivery>(
    {
      name: "take_unknown",
      text: `with due as (
        select d.id from deliveries d join conversations c on c.id = d.conversation_id and c.platform = any($2::text[])
          where d.state = 'unknown' and d.not_before <= now() order by d.not_before limit 50 for update of d skip locked
      ), taken as (
        update deliveries d set state = 'sending', owner = $1, epoch = d.epoch + 1 from due where d.id = due.id returning d.*
      )
      select ${SENDING_COLUMNS}, d.absences, d.final, coalesce(d.reason = '${OWNER_DIED}', false) as owner_died,
        (select jsonb_agg(x.message_id) from (
          (select m.message_id from messages m where m.conversation_id = d.conversation_id and m.agent_id is not null order by m.platform_order desc limit 500)
          union all
          select o.message_id from deliveries o where o.conversation_id = d.conversation_id and o.message_id is not null and o.state in ('pending', 'sending', 'open', 'unknown')) x) as known_message_ids
      from taken d join conversations c on c.id = d.conversation_id`,
    },
    [owner, platforms],
  );
}

/**
 * Ends what every statement thought another one would end: turns whose last two writes were recorded by two processes at the same moment, and
 * previews of turns that are over.
 */
export async function settleForgotten(sql: SqlRunner): Promise<number> {
  const rows = await sql.query({
    name: "settle_forgotten",
    text: `with settled as (
        update turns t set finished_at = now(),
          state = case when t.outcome <> 'answered' then t.outcome
            when exists (select 1 from deliveries o where o.turn_id = t.id and o.state = 'delivered' and o.ordinal >= 0) then 'answered'
            when exists (select 1 from deliveries o where o.turn_id = t.id and o.state = 'cancelled' and o.final and o.ordinal >= 0)
              and not exists (select 1 from deliveries o where o.turn_id = t.id and o.state in ('rejected', 'parked') and o.ordinal >= 0) then 'cancelled' else 'dead_lettered' end
        where t.state = 'delivering' and t.is_active and t.replied_at < now() - interval '10 seconds'
          and not exists (select 1 from deliveries o where o.turn_id = t.id and o.state in ('pending', 'sending', 'open', 'unknown'))
        returning t.id, t.event_id, t.reply_conversation_id, t.state, t.state_reason
      ), ev as (
        update events e set open_turns = e.open_turns - x.n,
          state = case when e.open_turns - x.n > 0 then e.state when x.answered or exists (select 1 from turns t where t.event_id = e.id and t.state = 'answered') then 'answered' else x.state end,
          state_reason = case when e.open_turns - x.n > 0 then e.state_reason else x.reason end,
          finished_at = case when e.open_turns - x.n > 0 then null else now() end
        from (select event_id, count(*)::int as n, bool_or(state = 'answered') as answered, min(state) as state, min(state_reason) as reason from settled group by event_id) x
        where e.id = x.event_id
      ), previews as (
        update deliveries d set state = 'cancelled', owner = null, reason = 'the turn ended without a text' from turns t
        where d.preview and not d.final and d.state in ('pending', 'open', 'unknown') and t.id = d.turn_id and t.finished_at < now() - interval '10 seconds'
        returning d.id
      )
      select id from settled union all select id from previews`,
  });
  return rows.length;
}

/** Makes work due again that no bell stands for (a bell or a wake-up was lost between two commits) and names its conversations. */
export async function findForgotten(sql: SqlRunner): Promise<string[]> {
  const rows = await sql.query<{ id: string }>({
    name: "find_forgotten",
    text: `with stranded as (
        update events e set state = 'pending', steered_turn_id = null from turns t
        where e.steered_turn_id is not null and e.state = 'steering' and t.id = e.steered_turn_id and t.finished_at is not null returning e.conversation_id
      ), forgotten as (
        select conversation_id as id, true as route, false as outbox from stranded
        union all select e.conversation_id as id, true as route, false as outbox from events e
          where e.is_pending and e.not_before < now() - interval '2 seconds'
        union all select t.reply_conversation_id, true, false from turns t
          where t.state = 'queued' and t.finished_at is null and t.not_before < now() - interval '2 seconds'
            and not exists (select 1 from turns x where x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id and x.is_active)
            and not ${IS_AWAY("t.agent_id")}
        union all select d.conversation_id, false, true from deliveries d
          where d.state = 'pending' and d.not_before < now() - interval '2 seconds'
        limit 1000
      )
      update conversations c set due_at = case when f.route and c.due_at is null then now() else c.due_at end,
        outbox_due_at = case when f.outbox and c.outbox_due_at is null then now() else c.outbox_due_at end,
        rings = c.rings + 1
      from (select id, bool_or(route) as route, bool_or(outbox) as outbox from forgotten group by id) f
      where c.id = f.id and ((f.route and c.due_at is null) or (f.outbox and c.outbox_due_at is null)) returning c.id`,
  });
  return rows.map((row) => row.id);
}

/** Whether anything is due now, in routing or in the outbox. */
export async function hasDueWork(sql: SqlRunner): Promise<{ route: boolean; outbox: boolean }> {
  const [row] = await sql.query<{ route: boolean; outbox: boolean }>({
    name: "has_due_work",
    text: `select exists (select 1 from conversations where due_at <= now()) as route, exists (select 1 from conversations where outbox_due_at <= now()) as outbox`,
  });
  return row ?? { route: false, outbox: false };
}
