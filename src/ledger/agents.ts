import type { AgentDefinition } from "../contracts/agent-definition.ts";
import type { AgentView } from "../contracts/operations.ts";
import type { SqlRunner } from "./connection/database.ts";

export interface AgentRow {
  readonly id: string;
  readonly organizationId: string;
  readonly definition: AgentDefinition;
  /** Ciphertext of the connector's secrets, or null. */
  readonly secrets: string | null;
  readonly color: string;
  readonly source: AgentView["source"];
  readonly status: AgentView["status"];
  readonly revision: number;
  /** ISO 8601: since when no call of it has succeeded; null while it can be reached. */
  readonly failingSince: string | null;
  /** Why Parley itself paused it, and when it was paused or stopped. */
  readonly statusReason: string | null;
  readonly statusSince: string | null;
}

interface AgentRecord {
  readonly id: string;
  readonly organization_id: string;
  readonly definition: AgentDefinition;
  readonly secrets: string | null;
  readonly color: string;
  readonly source: AgentView["source"];
  readonly status: AgentView["status"];
  readonly revision: number;
  readonly failing_since: Date | null;
  readonly status_reason: string | null;
  readonly status_since: Date | null;
}

/** Channel of the notification that some agent changed. */
export const AGENTS_CHANGED = "parley_agents";

export async function listAgents(sql: SqlRunner): Promise<AgentRow[]> {
  const rows = await sql.query<AgentRecord>({
    name: "list_agents",
    text: "select id, organization_id, definition, secrets, color, source, status, revision, failing_since, status_reason, status_since from agents where removed_at is null order by created_at, handle",
  });
  return rows.map(({ organization_id, failing_since, status_reason, status_since, ...row }) => ({
    ...row,
    organizationId: organization_id,
    failingSince: failing_since?.toISOString() ?? null,
    statusReason: status_reason,
    statusSince: status_since?.toISOString() ?? null,
  }));
}

type NewAgentRow = Omit<AgentRow, "revision" | "status" | "failingSince" | "statusReason" | "statusSince">;

/** Inserts or replaces an agent by handle and tells every process; a removed handle comes back under its old id. */
export async function saveAgent(sql: SqlRunner, row: NewAgentRow): Promise<void> {
  await sql.query(
    {
      text: `insert into agents as a (id, organization_id, handle, definition, secrets, color, source) values ($1, $2, $3, $4::jsonb, $5, $6, $7)
        on conflict (organization_id, handle) do update set definition = excluded.definition, secrets = excluded.secrets, source = excluded.source,
          color = excluded.color, removed_at = null, revision = a.revision + case when a.definition = excluded.definition and a.removed_at is null then 0 else 1 end`,
    },
    [
      row.id,
      row.organizationId,
      row.definition.handle,
      JSON.stringify(row.definition),
      row.secrets,
      row.color,
      row.source,
    ],
  );
  await notifyAgents(sql);
}

/** Gives an agent other secrets, if it is still as it was read, and tells every process; false when it is not. */
export async function replaceAgentSecrets(
  sql: SqlRunner,
  agent: { readonly id: string; readonly revision: number; readonly secrets: string },
): Promise<boolean> {
  const rows = await sql.query(
    {
      text: "update agents set secrets = $3, revision = revision + 1 where id = $1 and revision = $2 and removed_at is null returning id",
    },
    [agent.id, agent.revision, agent.secrets],
  );
  await notifyAgents(sql);
  return rows.length > 0;
}

/** Lets an agent take no new turns; one that the kill switch holds stays stopped. */
export async function pauseAgent(sql: SqlRunner, organizationId: string, handle: string): Promise<void> {
  await sql.query(
    {
      text: "update agents set status = 'paused', status_reason = null, status_since = now(), revision = revision + 1 where organization_id = $1 and handle = $2 and removed_at is null and status <> 'stopped'",
    },
    [organizationId, handle],
  );
  await notifyAgents(sql);
}

export async function removeAgent(sql: SqlRunner, organizationId: string, handle: string): Promise<boolean> {
  const rows = await sql.query(
    {
      text: `with removed as materialized (
          update agents set removed_at = now(), secrets = null, revision = revision + 1 where organization_id = $1 and handle = $2 and removed_at is null returning id
        ), forgotten as (
          delete from agent_sessions where agent_id in (select id from removed)
        ), unanswered as (
          delete from command_results where agent_id in (select id from removed)
        )
        select id from removed`,
    },
    [organizationId, handle],
  );
  await notifyAgents(sql);
  return rows.length > 0;
}

/** Tells all processes, once the transaction is committed, that some agent changed. */
export async function notifyAgents(sql: SqlRunner): Promise<void> {
  await sql.query({ text: "select pg_notify($1, '')" }, [AGENTS_CHANGED]);
}
