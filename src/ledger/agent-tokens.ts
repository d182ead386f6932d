import type { SqlRunner } from "./connection/database.ts";

/** How exact `last_used_at` is; finer would cost a write with every connection. */
const LAST_USED_STEP = "5 minutes";

/** Keeps the hash of an agent's token, which is the only one of its agent from now on; how many there were before. */
export async function replaceAgentToken(
  sql: SqlRunner,
  token: { id: string; organizationId: string; agentId: string; hash: string; createdBy: string },
): Promise<number> {
  const replaced = await revokeAgentTokens(sql, token.organizationId, token.agentId);
  await sql.query(
    {
      text: "insert into agent_tokens (id, organization_id, agent_id, token_hash, created_by) values ($1, $2, $3, $4, $5)",
    },
    [token.id, token.organizationId, token.agentId, token.hash, token.createdBy],
  );
  return replaced;
}

/** Lets no token of an agent be good any more; how many there were. */
export async function revokeAgentTokens(sql: SqlRunner, organizationId: string, agentId: string): Promise<number> {
  const rows = await sql.query(
    {
      text: "update agent_tokens set revoked_at = now() where organization_id = $1 and agent_id = $2 and revoked_at is null returning id",
    },
    [organizationId, agentId],
  );
  return rows.length;
}

export interface FoundAgentToken {
  readonly tokenId: string;
  readonly agentId: string;
  readonly organizationId: string;
  readonly handle: string;
  readonly name: string;
  readonly hash: string;
}

/** The agent that one of these hashes is of, unless it was removed or stopped; asked of the ledger each time, so that revoking bites at once. */
export async function findAgentToken(sql: SqlRunner, hashes: readonly string[]): Promise<FoundAgentToken | undefined> {
  const [row] = await sql.query<{
    id: string;
    agent_id: string;
    organization_id: string;
    handle: string;
    name: string;
    token_hash: string;
    used_long_ago: boolean;
  }>(
    {
      name: "find_agent_token",
      text: `select t.id, t.agent_id, t.organization_id, a.handle, a.definition->>'name' as name, t.token_hash,
          coalesce(t.last_used_at < now() - interval '${LAST_USED_STEP}', true) as used_long_ago
        from agent_tokens t join agents a on a.id = t.agent_id and a.removed_at is null and a.status <> 'stopped'
          and a.definition->'connector'->>'kind' = 'socket'
        where t.token_hash = any($1::text[]) and t.revoked_at is null`,
    },
    [hashes],
  );
  if (row === undefined) return undefined;
  if (row.used_long_ago)
    await sql.query({ text: "update agent_tokens set last_used_at = now() where id = $1" }, [row.id]);
  const { id: tokenId, agent_id: agentId, organization_id: organizationId, handle, name, token_hash: hash } = row;
  return { tokenId, agentId, organizationId, handle, name, hash };
}

/** Keeps a token's hash under a new key, once it is known that it was the one presented. */
export async function rehashAgentToken(sql: SqlRunner, id: string, from: string, to: string): Promise<void> {
  await sql.query({ text: "update agent_tokens set token_hash = $3 where id = $1 and token_hash = $2" }, [
    id,
    from,
    to,
  ]);
}
