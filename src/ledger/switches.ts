import { notifyPolicies } from "./access-policies.ts";
import { notifyAgents } from "./agents.ts";
import { appendAudit } from "./audit-log.ts";
import type { Database, SqlRunner } from "./connection/database.ts";
import { hurryPostponed } from "./postponed-turns.ts";
import { DECISION_ORDINAL } from "./requests.ts";
import { retryDeadlocks } from "./sql-states.ts";

/** Told to all processes whenever something is stopped. */
export const SWITCHED = "parley_switches";

/** What a kill switch stops: a whole organization, or one agent of it. */
export interface Switched {
  readonly organizationId: string;
  readonly agentHandle?: string;
  readonly reason: string;
  readonly by: string;
}

/** What a switch ended: turns to be told through their signals, and how many writes are never sent. */
export interface SwitchedOff {
  readonly turns: readonly EndedTurn[];
  readonly cancelledDeliveries: number;
}

export interface EndedTurn {
  readonly id: string;
  readonly rule: "organization_stopped" | "agent_stopped" | "agent_removed";
}

/** How long after its removal an agent is looked for among the turns: what slipped in beside it is found in seconds. */
const REMOVED_LATELY = "a.removed_at > now() - interval '1 hour'";
/** The agents that a switch holds or that were removed, each with the rule; no rows while nothing is stopped. */
const STOPPED = `stopped as materialized (
    select a.id as agent_id, case when a.removed_at is not null then 'agent_removed' when o.status = 'stopped' then 'organization_stopped' else 'agent_stopped' end as rule
    from agents a join organizations o on o.id = a.organization_id where ${REMOVED_LATELY} or (a.removed_at is null and (a.status = 'stopped' or o.status = 'stopped'))
  )`;

/**
 * Throws the switch, ends what runs and queues, and cancels what is not sent, in one transaction with its line of the audit log.
 *
 * Undefined when there is no such agent or organization. What is with the platform already stays there.
 */
export async function switchOff(database: Database, what: Switched): Promise<SwitchedOff | undefined> {
  return await retryDeadlocks(() =>
    database.transaction(async (tx) => {
      if (!(await setStatus(tx, what, "stopped"))) return undefined;
      const cancelled = await cancelUnsent(tx);
      const turns = await endTurns(tx);
      await appendAudit(tx, what.organizationId, [
        {
          ...lineOf(what),
          rule: what.agentHandle === undefined ? "organization_stopped" : "agent_stopped",
          turns: turns.map((turn) => turn.id),
          cancelledDeliveries: cancelled,
        },
      ]);
      await tx.query({ text: "select pg_notify($1, '')" }, [SWITCHED]);
      return { turns, cancelledDeliveries: cancelled };
    }),
  );
}

/**
 * Ends what a removed agent runs, queues, will do later and has not sent; to be called in the transaction that removes it. An agent of the same
 * handle that is added later begins with nothing.
 */
export async function endRemoved(
  tx: SqlRunner,
  removed: { readonly organizationId: string; readonly agentId: string; readonly handle: string; readonly by: string },
): Promise<readonly EndedTurn[]> {
  const { organizationId, agentId, handle, by } = removed;
  const cancelled = await cancelUnsent(tx);
  const turns = await endTurns(tx);
  await tx.query(
    {
      text: "update schedules set state = 'cancelled', state_reason = 'agent_removed' where agent_id = $1 and state = 'active'",
    },
    [agentId],
  );
  await appendAudit(tx, organizationId, [
    {
      what: "switch",
      by,
      agent: handle,
      rule: "agent_removed",
      turns: turns.map((turn) => turn.id),
      cancelledDeliveries: cancelled,
    },
  ]);
  await tx.query({ text: "select pg_notify($1, '')" }, [SWITCHED]);
  return turns;
}

/** Lets it work again, with its line of the audit log; false when there is no such agent or organization. */
export async function switchOn(database: Database, what: Switched): Promise<boolean> {
  return await database.transaction(async (tx) => {
    if (!(await setStatus(tx, what, "active"))) return false;
    await appendAudit(tx, what.organizationId, [
      { ...lineOf(what), rule: what.agentHandle === undefined ? "organization_resumed" : "agent_resumed" },
    ]);
    return true;
  });
}

/**
 * Ends what slipped in beside a switch: a turn that was opened, or a write that was queued, by a statement that had begun before the switch was
 * thrown. Such a write is not sent anyway; this clears it away.
 */
export async function endStopped(database: Database): Promise<readonly EndedTurn[]> {
  const [found] = await database.query<{ any: boolean }>({
    name: "any_stopped",
    text: `select exists (select 1 from organizations where status = 'stopped') or exists (select 1 from agents a where a.status = 'stopped' or ${REMOVED_LATELY}) as any`,
  });
  if (found?.any !== true) return [];
  return await retryDeadlocks(() =>
    database.transaction(async (tx) => {
      await cancelUnsent(tx);
      return await endTurns(tx);
    }),
  );
}

/** Whether an organization works, and why not. */
export async function readOrganization(
  sql: SqlRunner,
  organizationId: string,
): Promise<{ readonly status: "active" | "stopped"; readonly reason: string | null } | undefined> {
  const [row] = await sql.query<{ status: "active" | "stopped"; reason: string | null }>(
    { text: "select status, status_reason as reason from organizations where id = $1" },
    [organizationId],
  );
  return row;
}

/** Whose turn it is, and the switch that holds its agent or organization; undefined when there is no such turn. */
export async function stopOfTurn(
  sql: SqlRunner,
  turnId: string,
): Promise<{ readonly organizationId: string; readonly rule: EndedTurn["rule"] | null } | undefined> {
  const [row] = await sql.query<{ organizationId: string; rule: EndedTurn["rule"] | null }>(
    {
      text: `with ${STOPPED} select t.organization_id as "organizationId", s.rule from turns t left join stopped s on s.agent_id = t.agent_id where t.id = $1`,
    },
    [turnId],
  );
  return row;
}

async function setStatus(tx: SqlRunner, what: Switched, status: "active" | "stopped"): Promise<boolean> {
  if (what.agentHandle === undefined) {
    const rows = await tx.query(
      { text: "update organizations set status = $2, status_reason = $3 where id = $1 returning id" },
      [what.organizationId, status, status === "stopped" ? what.reason : null],
    );
    await notifyPolicies(tx);
    return rows.length > 0;
  }
  const rows = await tx.query<{ id: string }>(
    {
      text: `update agents set status = $3, status_since = now(), status_reason = null, failing_since = case when $3 = 'active' then null else failing_since end,
        revision = revision + 1 where organization_id = $1 and handle = $2 and removed_at is null returning id`,
    },
    [what.organizationId, what.agentHandle, status],
  );
  const [agent] = rows;
  if (agent !== undefined && status === "active") await hurryPostponed(tx, agent.id);
  await notifyAgents(tx);
  return rows.length > 0;
}

function lineOf({ agentHandle, by, reason }: Switched) {
  return { what: "switch" as const, by, reason, ...(agentHandle === undefined ? {} : { agent: agentHandle }) };
}

/** Nothing that no platform has seen is sent any more, and no message that stands is edited any more. */
async function cancelUnsent(tx: SqlRunner): Promise<number> {
  const rows = await tx.query({
    name: "cancel_unsent_of_stopped",
    text: `with ${STOPPED}, unsent as (
        select d.id, s.rule from deliveries d join stopped s on s.agent_id = d.agent_id where d.state = 'pending'
          -- That its question is over is said of a removed agent, too.
          and not (s.rule = 'agent_removed' and d.ordinal = ${DECISION_ORDINAL}) order by d.id for update of d
      )
      update deliveries d set state = 'cancelled', reason = u.rule, owner = null from unsent u where d.id = u.id returning d.id`,
  });
  return rows.length;
}

/** Running turns are asked to stop; queued and waiting ones end at once, and so do those that had only unsent writes left. Returns those that were not asked before. */
async function endTurns(tx: SqlRunner): Promise<EndedTurn[]> {
  return await tx.query<EndedTurn>({
    name: "end_turns_of_stopped",
    text: `with ${STOPPED}, open as materialized (
        select t.id, t.state, s.rule, t.cancel_requested is distinct from 'cancelled:' || s.rule as fresh,
          exists (select 1 from deliveries d where d.turn_id = t.id and d.state in ('pending', 'sending', 'unknown', 'open') and d.final) as busy,
          exists (select 1 from deliveries d where d.turn_id = t.id and d.state = 'delivered' and d.ordinal >= 0) as delivered
        from turns t join stopped s on s.agent_id = t.agent_id
        where t.finished_at is null and t.reply_conversation_id is not null order by t.id for update of t
      ), ended as (
        update turns t set cancel_requested = case when o.state = 'delivering' then t.cancel_requested else 'cancelled:' || o.rule end,
          outcome = case when o.state = 'delivering' and not o.delivered then 'cancelled' else t.outcome end,
          state = case when o.state in ('queued', 'waiting') or (o.state = 'delivering' and not o.busy and not o.delivered) then 'cancelled'
            when o.state = 'delivering' and not o.busy then t.outcome else t.state end,
          state_reason = case when o.state = 'running' then t.state_reason else o.rule end,
          finished_at = case when o.state in ('queued', 'waiting') or (o.state = 'delivering' and not o.busy) then now() end
        from open o where t.id = o.id returning t.id, t.event_id, t.state, t.finished_at, o.rule, o.fresh
      ), previews as (
        update deliveries d set state = 'cancelled', reason = e.rule, owner = null from ended e
        where d.turn_id = e.id and e.finished_at is not null and d.preview and not d.final and d.state in ('open', 'unknown')
      ), ev as (
        update events v set open_turns = v.open_turns - x.n,
          state = case when v.open_turns - x.n > 0 then v.state when x.answered or exists (select 1 from turns t where t.event_id = v.id and t.state = 'answered') then 'answered' else x.state end,
          state_reason = case when v.open_turns - x.n > 0 then v.state_reason else x.rule end,
          finished_at = case when v.open_turns - x.n > 0 then null else now() end
        from (select event_id, count(*)::int as n, bool_or(state = 'answered') as answered, min(state) as state, min(rule) as rule
          from ended where finished_at is not null group by event_id) x
        where v.id = x.event_id
      )
      select id, rule from ended where fresh`,
  });
}
