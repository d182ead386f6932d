import type { TurnSession } from "../contracts/turn-session.ts";
import { ParleyError } from "../errors/parley-error.ts";
import type { Database } from "./connection/database.ts";
import type { SecretBox, SecretPlace } from "./secret-box.ts";
import type { TurnFence } from "./turn-sources.ts";

/** Most that is kept for an agent in one conversation, in bytes of UTF-8. */
export const MAX_SESSION_BYTES = 16_384;

/** The one memory that a turn may reach. */
export interface SessionOwner {
  readonly organizationId: string;
  readonly agentId: string;
  readonly sessionKey: string;
}

/** What connectors remember between turns, encrypted and bound to its row. */
export interface AgentSessionStore {
  /** The memory of one agent in one conversation, for as long as the turn is held: a worker that lost it writes nothing any more. */
  of(owner: SessionOwner, fence: TurnFence): TurnSession;
}

export function createAgentSessionStore(database: Database, box: SecretBox): AgentSessionStore {
  async function read(owner: SessionOwner): Promise<string | undefined> {
    const [row] = await database.query<{ value: string }>(
      { name: "read_session", text: "select value from agent_sessions where agent_id = $1 and session_key = $2" },
      [owner.agentId, owner.sessionKey],
    );
    return row === undefined
      ? undefined
      : box.openBytes(placeOf(owner), Buffer.from(row.value, "base64")).toString("utf8");
  }

  async function write(owner: SessionOwner, fence: TurnFence, value: string): Promise<void> {
    const bytes = Buffer.from(value, "utf8");
    if (bytes.length > MAX_SESSION_BYTES)
      throw new ParleyError("PAYLOAD_TOO_LARGE", { detail: `a session holds at most ${MAX_SESSION_BYTES} bytes` });
    const sealed = box.sealBytes(placeOf(owner), bytes).toString("base64");
    const rows = await database.query(
      {
        name: "write_session",
        text: `with held as materialized (
            select t.agent_id from turns t join agents a on a.id = t.agent_id and a.removed_at is null
            where t.id = $4 and t.epoch = $5 and t.owner = $6 and t.agent_id = $1 and t.state = 'running'
          ), forgotten as (
            delete from agent_sessions s using held h where $7::boolean and s.agent_id = h.agent_id and s.session_key = $2
          ), kept as (
            insert into agent_sessions (agent_id, session_key, organization_id, value)
            select h.agent_id, $2, $3, $8 from held h where not $7::boolean
            on conflict (agent_id, session_key) do update set value = excluded.value, updated_at = now()
          )
          select agent_id from held`,
      },
      [
        owner.agentId,
        owner.sessionKey,
        owner.organizationId,
        fence.turnId,
        fence.epoch,
        fence.owner,
        bytes.length === 0,
        sealed,
      ],
    );
    if (rows.length === 0)
      throw new ParleyError("LEASE_LOST", { detail: "the turn is over, or its agent was removed: nothing is kept" });
  }

  return {
    of: (owner, fence) => ({
      read: () => read(owner),
      write: (value) => write(owner, fence, value),
    }),
  };
}

/** Where a session belongs; ciphertext of another conversation does not open here. */
function placeOf({ organizationId, agentId, sessionKey }: SessionOwner): SecretPlace {
  return { organizationId, platform: "agent", installationId: agentId, field: `session:${sessionKey}` };
}
