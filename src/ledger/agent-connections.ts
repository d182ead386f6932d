import type { SqlRunner } from "./connection/database.ts";

/** Told to all processes when an agent came or left, its token was revoked, or work waits for another process. */
export const DIAL_IN_CHANGED = "parley_dial_in";

/** A process that has said nothing of its agents for this long has none any more, in ms. */
export const CONNECTION_DEAD_AFTER_MS = 40_000;

/** A row of an agent that is there: its process has it and has said so lately. */
const LIVE = (row: string) =>
  `${row}.process_id <> '' and ${row}.seen_at > now() - ${CONNECTION_DEAD_AFTER_MS} * interval '1 millisecond'`;

/** Whether an agent is one that dials in, and is nowhere: its turns wait without anybody looking at them. SQL text. */
export const IS_AWAY = (agentId: string): string => `exists (
  select 1 from agents da where da.id = ${agentId} and da.definition->'connector'->>'kind' = 'socket'
    and not exists (select 1 from agent_connections dk where dk.agent_id = da.id and ${LIVE("dk")}))`;

/** Whether an agent is one that dials in. SQL text. */
export const DIALS_IN = (agentId: string): string =>
  `exists (select 1 from agents da where da.id = ${agentId} and da.definition->'connector'->>'kind' = 'socket')`;

/** How long a queued turn of an agent is kept: agents that dial in have an inbox. SQL text. */
export const KEPT_FOR = (agentId: string): string => `case
  when ${DIALS_IN(agentId)} then interval '24 hours' else interval '30 minutes' end`;

export interface ConnectionRow {
  readonly agent_id: string;
  readonly process_id: string;
  readonly connection_id: string;
  readonly client: string | null;
  readonly live: boolean;
  readonly since: Date;
}

/** Writes down that an agent is at this connection now; whichever comes last has it. False when its token was revoked meanwhile. */
export async function attachAgent(
  sql: SqlRunner,
  agent: {
    readonly agentId: string;
    readonly organizationId: string;
    readonly tokenId: string;
    readonly processId: string;
    readonly connectionId: string;
    readonly client: string;
  },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "attach_agent",
      text: `with token as (
          select 1 from agent_tokens t join agents a on a.id = t.agent_id and a.removed_at is null and a.status <> 'stopped'
          where t.id = $3 and t.agent_id = $1 and t.revoked_at is null for share of t
        ), attached as (
          insert into agent_connections as c (agent_id, organization_id, process_id, connection_id, capabilities, connected_at, seen_at)
          select $1, $2, $4, $5, jsonb_build_object('client', $6::text), now(), now() from token
          on conflict (agent_id) do update set organization_id = excluded.organization_id, process_id = excluded.process_id,
            connection_id = excluded.connection_id, capabilities = excluded.capabilities, connected_at = now(), seen_at = now()
          returning c.agent_id
        )
        select pg_notify('${DIAL_IN_CHANGED}', 'attached ' || agent_id) from attached`,
    },
    [agent.agentId, agent.organizationId, agent.tokenId, agent.processId, agent.connectionId, agent.client],
  );
  return rows.length > 0;
}

/** Writes down that a connection is over; nothing happens when its agent is at a newer one. */
export async function detachAgent(sql: SqlRunner, agentId: string, connectionId: string): Promise<void> {
  await sql.query(
    {
      name: "detach_agent",
      text: `with gone as (
          update agent_connections set process_id = '', seen_at = now() where agent_id = $1 and connection_id = $2 and process_id <> '' returning agent_id
        )
        select pg_notify('${DIAL_IN_CHANGED}', 'detached ' || agent_id) from gone`,
    },
    [agentId, connectionId],
  );
}

/** Says that these connections live, and which of them still have their agents. */
export async function beatConnections(sql: SqlRunner, connectionIds: readonly string[]): Promise<Set<string>> {
  if (connectionIds.length === 0) return new Set();
  const rows = await sql.query<{ connection_id: string }>(
    {
      name: "beat_connections",
      text: `with mine as (
          select agent_id from agent_connections where connection_id = any($1::text[]) and process_id <> '' order by agent_id for update
        )
        update agent_connections c set seen_at = now() from mine m where c.agent_id = m.agent_id returning c.connection_id`,
    },
    [connectionIds],
  );
  return new Set(rows.map((row) => row.connection_id));
}

/** Where agents are, or were last; those of one organization, of one agent, or all. */
export async function listConnections(
  sql: SqlRunner,
  of: { readonly organizationId?: string; readonly agentId?: string } = {},
): Promise<ConnectionRow[]> {
  return await sql.query<ConnectionRow>(
    {
      name: "list_connections",
      text: `select c.agent_id, c.process_id, c.connection_id, c.capabilities->>'client' as client, ${LIVE("c")} as live,
          case when ${LIVE("c")} then c.connected_at else c.seen_at end as since
        from agent_connections c where ($1::text is null or c.organization_id = $1) and ($2::text is null or c.agent_id = $2)`,
    },
    [of.organizationId ?? null, of.agentId ?? null],
  );
}

/** Makes the conversations due where turns of an agent are queued; how many. */
export async function ringQueuedOf(sql: SqlRunner, agentId: string): Promise<number> {
  const rows = await sql.query(
    {
      name: "ring_queued_of",
      text: `with waiting as (
          select c.id from conversations c where c.id in (
            select t.reply_conversation_id from turns t where t.agent_id = $1 and t.state = 'queued' and t.finished_at is null and t.not_before <= now())
          order by c.id for update
        )
        update conversations c set due_at = now(), rings = c.rings + 1 from waiting w where c.id = w.id returning c.id`,
    },
    [agentId],
  );
  return rows.length;
}

/** A question that waits for an agent which is nowhere. */
export interface AwayTurn {
  readonly turn_id: string;
  readonly agent_id: string;
  readonly organization_id: string;
  readonly conversation_id: string;
  readonly platform: string;
  readonly path: unknown;
}

/** The oldest turn of each conversation and agent that has waited this long for an agent which is nowhere, where nobody was told of it yet. */
export async function findAwayTurns(
  sql: SqlRunner,
  of: { readonly platforms: readonly string[]; readonly waitedMs: number },
): Promise<AwayTurn[]> {
  return await sql.query<AwayTurn>(
    {
      name: "find_away_turns",
      text: `select distinct on (t.reply_conversation_id, t.agent_id) t.id as turn_id, t.agent_id, t.organization_id, t.reply_conversation_id as conversation_id,
          c.platform, c.path
        from turns t
        join agents a on a.id = t.agent_id and a.removed_at is null and a.status = 'active' and a.definition->'connector'->>'kind' = 'socket'
          and a.definition->'shadow' is null
        join conversations c on c.id = t.reply_conversation_id and c.platform = any($1::text[])
        where t.state = 'queued' and t.finished_at is null and t.cancel_requested is null and t.created_at < now() - $2 * interval '1 millisecond'
          and not exists (select 1 from agent_connections k where k.agent_id = t.agent_id and (${LIVE("k")} or k.seen_at > now() - $2 * interval '1 millisecond'))
          and not exists (select 1 from turns x where x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id and x.is_active)
          and not exists (select 1 from deliveries d join turns x on d.id = 'd_away_' || x.id || '_0'
            where x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id and x.finished_at is null)
        order by t.reply_conversation_id, t.agent_id, t.order_no limit 50`,
    },
    [of.platforms, of.waitedMs],
  );
}

/** Tells all processes that turns of an agent wait which only the process has that the agent is attached to. */
export async function handOver(sql: SqlRunner, agentId: string): Promise<void> {
  await sql.query({ text: "select pg_notify($1, $2)" }, [DIAL_IN_CHANGED, `work ${agentId}`]);
}

/** Tells all processes that an agent's token is no longer good. */
export async function tellRevoked(sql: SqlRunner, agentId: string): Promise<void> {
  await sql.query({ text: "select pg_notify($1, $2)" }, [DIAL_IN_CHANGED, `revoked ${agentId}`]);
}
