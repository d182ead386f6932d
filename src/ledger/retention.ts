import type { SqlRunner } from "./connection/database.ts";
import { retryDeadlocks } from "./sql-states.ts";

/** What one page of a table came to. `next` is where the following page begins; undefined after the last one. */
export interface RemovedPage<Position> {
  readonly removed: RemovedRows;
  readonly next: Position | undefined;
}

/** Rows that were removed, by what they are. */
export interface RemovedRows {
  readonly events: number;
  readonly turns: number;
  readonly deliveries: number;
  readonly messages: number;
  readonly deadLetters: number;
  readonly journal: number;
}

export const NOTHING_REMOVED: RemovedRows = {
  events: 0,
  turns: 0,
  deliveries: 0,
  messages: 0,
  deadLetters: 0,
  journal: 0,
};

/** Deliveries that somebody still has to look at. */
const OPEN_DELIVERY = "('pending', 'sending', 'open', 'unknown')";
const CUTOFF = "now() - $1::double precision * interval '1 day'";

/** Whose rows a sweep removes, and from which age in days. */
export interface ForgottenAge {
  readonly days: number;
  /** Ids of organizations; null for all but those of `except`. */
  readonly only: readonly string[] | null;
  readonly except: readonly string[];
}

/** Whether a row is of an organization that the sweep is about: the parameters two and three of every statement here. */
const OF = (row: string): string =>
  `(($2::text[] is null or ${row}.organization_id = any($2)) and not ${row}.organization_id = any($3::text[]))`;
const parametersOf = ({ days, only, except }: ForgottenAge): readonly unknown[] => [days, only, except];

interface EventPage {
  readonly last_id: string | null;
  readonly seen: number;
  readonly recent: boolean | null;
  readonly events: number;
  readonly turns: number;
  readonly deliveries: number;
  readonly journal: number;
}

/**
 * Removes the finished events of one page with all that hangs on them: decisions, turns, deliveries, journal, late replies, what they had read, what was withheld.
 *
 * An event stays while a turn or write of it is open or younger than its organization keeps things, and while an open dead letter names it: a replay needs it.
 * Ids of events sort by time, so pages go from the oldest on, and the walk ends where the young ones begin.
 */
export async function removeOldEvents(
  sql: SqlRunner,
  age: ForgottenAge,
  afterId: string,
  limit: number,
): Promise<RemovedPage<string>> {
  const rows = await retryDeadlocks(() =>
    sql.query<EventPage>(
      {
        name: "remove_old_events",
        text: `with page as (
          select id, received_at from events where id > $4 order by id limit $5
        ), old as (
          select e.id from events e join page p on p.id = e.id
          where e.finished_at < ${CUTOFF} and e.open_turns = 0 and ${OF("e")}
            and not exists (select 1 from turns t where t.event_id = e.id and (t.finished_at is null or t.finished_at >= ${CUTOFF}))
            and not exists (select 1 from turns t join deliveries d on d.turn_id = t.id where t.event_id = e.id and d.state in ${OPEN_DELIVERY})
            and not exists (select 1 from turns t join requests r on r.turn_id = t.id where t.event_id = e.id and r.state = 'open')
            and not exists (select 1 from dead_letters l where l.state = 'open' and l.event_id = e.id)
            and not exists (select 1 from turns t join dead_letters l on l.turn_id = t.id where t.event_id = e.id and l.state = 'open')
          for update of e skip locked
        ), gone_turns as (
          delete from turns where event_id in (select id from old) returning id
        ), gone_deliveries as (
          delete from deliveries where turn_id in (select id from gone_turns) returning 1
        ), gone_requests as (
          delete from requests where turn_id in (select id from gone_turns)
        ), gone_writes as (
          delete from turn_writes where turn_id in (select id from gone_turns)
        ), gone_results as (
          delete from command_results where turn_id in (select id from gone_turns)
        ), gone_calls as (
          delete from tool_calls where turn_id in (select id from gone_turns)
        ), gone_sources as (
          delete from turn_sources where turn_id in (select id from gone_turns)
        ), gone_withheld as (
          delete from withheld_replies where turn_id in (select id from gone_turns)
        ), gone_replies as (
          delete from deferred_replies where turn_id in (select id from gone_turns)
        ), gone_journal as (
          delete from journal where event_id in (select id from old) or turn_id in (select id from gone_turns) returning 1
        ), gone_events as (
          delete from events where id in (select id from old) returning 1
        )
        select (select max(id) from page) as last_id, (select count(*)::int from page) as seen,
          (select max(received_at) >= ${CUTOFF} from page) as recent,
          (select count(*)::int from gone_events) as events, (select count(*)::int from gone_turns) as turns,
          (select count(*)::int from gone_deliveries) as deliveries, (select count(*)::int from gone_journal) as journal`,
      },
      [...parametersOf(age), afterId, limit],
    ),
  );
  const [page] = rows;
  if (page === undefined) return { removed: NOTHING_REMOVED, next: undefined };
  const { events, turns, deliveries, journal } = page;
  const ends = page.seen < limit || page.recent === true || page.last_id === null;
  return {
    removed: { ...NOTHING_REMOVED, events, turns, deliveries, journal },
    next: ends ? undefined : (page.last_id ?? undefined),
  };
}

/** Place of a message: installation, channel, message. */
export type MessagePlace = readonly [installationId: string, channelId: string, messageId: string];

/** Removes the old messages of one page; one whose event or turn is kept stays with it. */
export async function removeOldMessages(
  sql: SqlRunner,
  age: ForgottenAge,
  after: MessagePlace,
  limit: number,
): Promise<RemovedPage<MessagePlace>> {
  const rows = await retryDeadlocks(() =>
    sql.query<{ inst: string; channel: string; message: string; seen: number; gone: number }>(
      {
        name: "remove_old_messages",
        text: `with page as (
          select installation_id, channel_id, message_id from messages
          where (installation_id, channel_id, message_id) > ($4, $5, $6) order by installation_id, channel_id, message_id limit $7
        ), gone as (
          delete from messages m using page p
          where m.installation_id = p.installation_id and m.channel_id = p.channel_id and m.message_id = p.message_id and m.occurred_at < ${CUTOFF} and ${OF("m")}
            and not exists (select 1 from events e where e.id = m.event_id) and not exists (select 1 from turns t where t.id = m.turn_id)
          returning 1
        )
        select installation_id as inst, channel_id as channel, message_id as message, (select count(*)::int from page) as seen, (select count(*)::int from gone) as gone
        from page order by installation_id desc, channel_id desc, message_id desc limit 1`,
      },
      [...parametersOf(age), ...after, limit],
    ),
  );
  const [last] = rows;
  if (last === undefined) return { removed: NOTHING_REMOVED, next: undefined };
  return {
    removed: { ...NOTHING_REMOVED, messages: last.gone },
    next: last.seen < limit ? undefined : [last.inst, last.channel, last.message],
  };
}

/** Removes the old writes of one page that belong to no turn: sent by an operator, or an answer to a command. */
export async function removeOldSends(
  sql: SqlRunner,
  age: ForgottenAge,
  afterId: string,
  limit: number,
): Promise<RemovedPage<string>> {
  const rows = await retryDeadlocks(() =>
    sql.query<{ last_id: string | null; seen: number; gone: number }>(
      {
        name: "remove_old_sends",
        text: `with page as (
          select id from deliveries where id > $4 order by id limit $5
        ), gone as (
          delete from deliveries d using page p where d.id = p.id and d.turn_id is null and ${OF("d")} and d.created_at < ${CUTOFF} and d.state not in ${OPEN_DELIVERY}
            and not exists (select 1 from dead_letters l where l.delivery_id = d.id and l.state = 'open')
          returning 1
        )
        select (select max(id) from page) as last_id, (select count(*)::int from page) as seen, (select count(*)::int from gone) as gone`,
      },
      [...parametersOf(age), afterId, limit],
    ),
  );
  const [page] = rows;
  return {
    removed: { ...NOTHING_REMOVED, deliveries: page?.gone ?? 0 },
    next: page === undefined || page.seen < limit ? undefined : (page.last_id ?? undefined),
  };
}

/**
 * Removes what hangs on no event: dead letters that were replayed or discarded long ago, journal rows whose event and turn are gone, totals of days gone by, ended
 * schedules, tasks of outside clients in which nothing was said for so long, and calls of tools that nobody fetched within an hour. Open letters wait for a person however old.
 */
export async function removeOldLeftovers(sql: SqlRunner, age: ForgottenAge, limit: number): Promise<RemovedPage<true>> {
  const [letters, journal, totals, schedules, tasks, calls] = await retryDeadlocks(async () => [
    await sql.query(
      {
        name: "remove_old_letters",
        text: `delete from dead_letters where id in (
          select l.id from dead_letters l where l.state <> 'open' and coalesce(l.resolved_at, l.created_at) < ${CUTOFF} and ${OF("l")} order by l.id limit $4) returning id`,
      },
      [...parametersOf(age), limit],
    ),
    await sql.query(
      {
        name: "remove_old_journal",
        text: `delete from journal where id in (
          select j.id from journal j where j.at < ${CUTOFF} and ${OF("j")}
            and not exists (select 1 from events e where e.id = j.event_id) and not exists (select 1 from turns t where t.id = j.turn_id)
          order by j.id limit $4) returning id`,
      },
      [...parametersOf(age), limit],
    ),
    await sql.query(
      {
        name: "remove_old_totals",
        text: `delete from usage_totals where ctid in (select u.ctid from usage_totals u where u.day < (${CUTOFF})::date and ${OF("u")} limit $4) returning 1`,
      },
      [...parametersOf(age), limit],
    ),
    await sql.query(
      {
        name: "remove_old_schedules",
        text: `delete from schedules where id in (
          select s.id from schedules s where s.state <> 'active' and coalesce(s.last_fired_at, s.due_at) < ${CUTOFF} and ${OF("s")} order by s.id limit $4) returning 1`,
      },
      [...parametersOf(age), limit],
    ),
    await sql.query(
      {
        name: "remove_old_tasks",
        text: `with old as materialized (
            select t.id from a2a_tasks t where t.updated_at < ${CUTOFF} and ${OF("t")} and not exists (select 1 from a2a_messages m where m.task_id = t.id and m.created_at >= ${CUTOFF})
            order by t.id limit $4 for update skip locked
          ), gone_messages as (
            delete from a2a_messages where task_id in (select id from old)
          )
          delete from a2a_tasks where id in (select id from old) returning 1`,
      },
      [...parametersOf(age), limit],
    ),
    await sql.query(
      {
        name: "remove_old_tool_calls",
        text: `delete from tool_calls where id in (select id from tool_calls where created_at < now() - interval '1 hour' order by created_at limit $1) returning 1`,
      },
      [limit],
    ),
  ]);
  const removed = { ...NOTHING_REMOVED, deadLetters: letters?.length ?? 0, journal: journal?.length ?? 0 };
  const isMore = [letters, journal, totals, schedules, tasks, calls].some((rows) => rows?.length === limit);
  return { removed, next: isMore ? true : undefined };
}
