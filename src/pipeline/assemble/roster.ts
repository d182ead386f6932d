import type { PolicyBook } from "../../access/policy-book.ts";
import type { RosterEntry } from "../../contracts/connector.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { listMembers } from "../../ledger/channel-mirror.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { agentMay } from "../agent-grant.ts";
import type { Directory } from "../directory.ts";

export interface Rosters {
  /** Who is in a channel: its people from the mirror, at most 10 s old, and the agents that are members of it. */
  of(organizationId: string, installationId: string, path: ConversationPath): Promise<readonly RosterEntry[]>;
}

const MAX_AGE_MS = 10_000;
const MAX_CHANNELS = 5_000;

/** Creates a reader of rosters that asks the ledger once per channel and 10 seconds. */
export function createRosters(sql: SqlRunner, directory: Directory, policies: PolicyBook): Rosters {
  const cached = new Map<string, { readonly at: number; readonly people: Promise<readonly RosterEntry[]> }>();

  function people(installationId: string, channelId: string): Promise<readonly RosterEntry[]> {
    const key = `${installationId} ${channelId}`;
    const known = cached.get(key);
    if (known !== undefined && performance.now() - known.at < MAX_AGE_MS) return known.people;
    if (cached.size >= MAX_CHANNELS) cached.clear();
    const fresh = listMembers(sql, installationId, channelId).then((rows) =>
      rows.map((row) => ({ id: row.id, kind: toKind(row.kind), name: row.name ?? row.id })),
    );
    cached.set(key, { at: performance.now(), people: fresh });
    fresh.catch(() => cached.delete(key));
    return fresh;
  }

  return {
    async of(organizationId, installationId, path) {
      const agents = directory
        .list(organizationId)
        .filter(
          (agent) =>
            agent.status === "active" &&
            agentMay(agent, "post", { installationId, path }, policies.of(organizationId)).allowed,
        );
      const entries = agents.map(
        (agent): RosterEntry => ({
          id: agent.agentId,
          kind: "agent",
          name: agent.definition.name,
          handle: agent.handle,
          description: agent.definition.description,
        }),
      );
      return [...(await people(installationId, path.channel.id)), ...entries];
    },
  };
}

function toKind(kind: string): RosterEntry["kind"] {
  return kind === "bot" || kind === "external_guest" ? kind : "human";
}
