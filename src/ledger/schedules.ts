import { type AuditEntry, appendAudit } from "./audit-log.ts";
import type { Database, SqlRunner } from "./connection/database.ts";

/** What an agent will do later; see the table. */
export interface ScheduleRow {
  readonly id: string;
  readonly organization_id: string;
  readonly agent_id: string;
  readonly conversation_id: string;
  readonly requested_by: string;
  readonly requested_by_name: string;
  readonly task: string;
  readonly every_ms: number | null;
  readonly due_at: Date;
  readonly state: string;
  readonly state_reason: string | null;
  readonly firings: number;
  readonly last_fired_at: Date | null;
  readonly created_at: Date;
}

export interface NewSchedule {
  readonly id: string;
  readonly organizationId: string;
  readonly agentId: string;
  readonly conversationId: string;
  readonly turnId: string | null;
  readonly requestedBy: string;
  readonly requestedByName: string;
  readonly task: string;
  readonly everyMs: number | null;
  readonly inMs: number;
}

const COLUMNS =
  "s.id, s.organization_id, s.agent_id, s.conversation_id, s.requested_by, s.requested_by_name, s.task, s.every_ms, s.due_at, s.state, s.state_reason, s.firings, s.last_fired_at, s.created_at";

/** Schedules of one agent that may be active at once. */
export const MAX_ACTIVE_SCHEDULES = 20;

/** Makes a schedule; undefined when its agent has as many as it may. The lock keeps two calls at once from both taking the last place. */
export async function addSchedule(sql: SqlRunner, schedule: NewSchedule): Promise<ScheduleRow | undefined> {
  await sql.query({ name: "lock_agent_schedules", text: "select id from agents where id = $1 for no key update" }, [
    schedule.agentId,
  ]);
  const [row] = await sql.query<ScheduleRow>(
    {
      name: "add_schedule",
      text: `insert into schedules as s (id, organization_id, agent_id, conversation_id, turn_id, requested_by, requested_by_name, task, every_ms, due_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10 * interval '1 millisecond'
        where (select count(*) from schedules a where a.agent_id = $3 and a.state = 'active') < ${MAX_ACTIVE_SCHEDULES}
        returning ${COLUMNS}`,
    },
    [
      schedule.id,
      schedule.organizationId,
      schedule.agentId,
      schedule.conversationId,
      schedule.turnId,
      schedule.requestedBy,
      schedule.requestedByName,
      schedule.task,
      schedule.everyMs,
      schedule.inMs,
    ],
  );
  return row;
}

/** Active schedules of an organization, the next one first; of one agent or conversation where those are named. */
export async function listSchedules(
  sql: SqlRunner,
  where: {
    readonly organizationId: string;
    readonly agentId?: string | undefined;
    readonly conversationIds?: readonly string[] | undefined;
  },
): Promise<readonly ScheduleRow[]> {
  return await sql.query<ScheduleRow>(
    {
      name: "list_schedules",
      text: `select ${COLUMNS} from schedules s where s.organization_id = $1 and s.state = 'active' and ($2::text is null or s.agent_id = $2)
        and ($3::text[] is null or s.conversation_id = any($3::text[])) order by s.due_at, s.id limit 500`,
    },
    [where.organizationId, where.agentId ?? null, where.conversationIds ?? null],
  );
}

/** Ends an active schedule, once, with its audit entry; false when it was not active or is none of these. */
export async function cancelSchedule(
  database: Database,
  cancel: {
    readonly id: string;
    readonly organizationId: string;
    readonly reason: string;
    readonly by: string;
    readonly agentId?: string | undefined;
    readonly conversationIds?: readonly string[] | undefined;
  },
): Promise<boolean> {
  return await database.transaction(async (tx) => {
    const rows = await tx.query(
      {
        name: "cancel_schedule",
        text: `update schedules set state = 'cancelled', state_reason = $3 where id = $1 and organization_id = $2 and state = 'active'
          and ($4::text is null or agent_id = $4) and ($5::text[] is null or conversation_id = any($5::text[])) returning id`,
      },
      [cancel.id, cancel.organizationId, cancel.reason, cancel.agentId ?? null, cancel.conversationIds ?? null],
    );
    if (rows.length === 0) return false;
    const entry: AuditEntry = {
      what: "switch",
      by: cancel.by,
      rule: "schedule_cancelled",
      schedule: cancel.id,
      reason: cancel.reason,
    };
    await appendAudit(tx, cancel.organizationId, [entry]);
    return true;
  });
}

/** A due schedule with the conversation it speaks in. */
export interface DueSchedule extends ScheduleRow {
  readonly installation_id: string;
  readonly platform: string;
  readonly path: unknown;
  readonly archived: boolean | null;
  readonly self_member: boolean | null;
}

/** Due schedules of these platforms; those of a stopped organization wait until it works again. */
export async function dueSchedules(sql: SqlRunner, platforms: readonly string[]): Promise<readonly DueSchedule[]> {
  return await sql.query<DueSchedule>(
    {
      name: "due_schedules",
      text: `select ${COLUMNS}, c.installation_id, c.platform, c.path, h.archived, h.self_member
        from schedules s join conversations c on c.id = s.conversation_id join organizations o on o.id = s.organization_id
          left join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
        where s.state = 'active' and s.due_at <= now() and o.status <> 'stopped' and c.platform = any($1::text[])
        order by s.due_at limit 200`,
    },
    [platforms],
  );
}

/** How long until the next schedule is due, in ms; null when there is none. */
export async function nextScheduleMs(sql: SqlRunner): Promise<number | null> {
  const [row] = await sql.query<{ ms: number | null }>({
    name: "next_schedule",
    text: "select (extract(epoch from min(due_at) - now()) * 1000)::float8 as ms from schedules where state = 'active'",
  });
  return row?.ms ?? null;
}

/** Moves a schedule on from the time it was seen due at: to its next time from now, however many it missed, or to its end. */
export async function advanceSchedule(
  sql: SqlRunner,
  seen: { readonly id: string; readonly dueAt: Date },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "advance_schedule",
      text: `update schedules set firings = firings + 1, last_fired_at = now(), state = case when every_ms is null then 'done' else state end,
          due_at = case when every_ms is null then due_at else due_at + (floor(extract(epoch from now() - due_at) * 1000 / every_ms) + 1) * every_ms * interval '1 millisecond' end
        where id = $1 and state = 'active'
          -- A Date has no microseconds, and drivers may round its milliseconds down.
          and due_at between $2::timestamptz - interval '2 milliseconds' and $2::timestamptz + interval '2 milliseconds' returning id`,
    },
    [seen.id, seen.dueAt],
  );
  return rows.length > 0;
}
