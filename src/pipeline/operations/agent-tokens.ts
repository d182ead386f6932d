import { hashApiToken, isAgentTokenText, newAgentToken } from "../../access/api-token-text.ts";
import type { DialInPrincipal } from "../../contracts/dial-in.ts";
import { tellRevoked } from "../../ledger/agent-connections.ts";
import { findAgentToken, rehashAgentToken, replaceAgentToken, revokeAgentTokens } from "../../ledger/agent-tokens.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database, SqlRunner } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";

/** Tokens that agents dial in with: one per agent, of which the ledger keeps a keyed hash. */
export interface AgentTokens {
  /** A new token, which is the agent's only one from the commit on; whoever is connected with another is disconnected in every process. */
  issue(tx: SqlRunner, agent: TokenOwner, by: string): Promise<string>;
  /** Lets the agent's token be good for nothing any more; false when it had none. */
  revoke(tx: SqlRunner, agent: TokenOwner, by: string): Promise<boolean>;
}

export interface TokenOwner {
  readonly organizationId: string;
  readonly agentId: string;
  readonly handle: string;
}

export interface AgentTokenOptions {
  readonly newId: NewId;
  /** Keys of the hashes; the first one makes new ones, the others are those of before. */
  readonly keys: readonly [Buffer, ...Buffer[]];
}

export function createAgentTokens({ newId, keys }: AgentTokenOptions): AgentTokens {
  const [key] = keys;
  return {
    async issue(tx, { organizationId, agentId, handle }, by) {
      const secret = newAgentToken();
      const id = newId("k");
      const hash = hashApiToken(key, secret);
      const replaced = await replaceAgentToken(tx, { id, organizationId, agentId, hash, createdBy: by });
      const change = replaced > 0 ? "agent_token_rotated" : "agent_token_added";
      await appendAudit(tx, organizationId, [
        { what: "grant_changed", by, rule: "agent_token", change, agent: handle, token: id },
      ]);
      if (replaced > 0) await tellRevoked(tx, agentId);
      return secret;
    },
    async revoke(tx, { organizationId, agentId, handle }, by) {
      if ((await revokeAgentTokens(tx, organizationId, agentId)) === 0) return false;
      await appendAudit(tx, organizationId, [
        { what: "grant_changed", by, rule: "agent_token", change: "agent_token_revoked", agent: handle },
      ]);
      await tellRevoked(tx, agentId);
      return true;
    },
  };
}

/** Whom a token belongs to now. As the owner of the ledger: whose token is presented is known only once it is found. */
export async function verifyAgentToken(
  database: Database,
  keys: AgentTokenOptions["keys"],
  presented: string,
): Promise<DialInPrincipal | undefined> {
  if (!isAgentTokenText(presented)) return undefined;
  const hashes = keys.map((one) => hashApiToken(one, presented));
  const found = await findAgentToken(database, hashes);
  if (found === undefined) return undefined;
  const { hash, ...principal } = found;
  const [current] = hashes;
  if (current !== undefined && hash !== current) await rehashAgentToken(database, found.tokenId, hash, current);
  return principal;
}
