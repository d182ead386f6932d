import { compileLinearPattern, type LinearPattern } from "../access/linear-pattern.ts";
import type { AgentIdentity } from "../contracts/adapter.ts";
import type { AgentDefinition } from "../contracts/agent-definition.ts";
import type { AgentView } from "../contracts/operations.ts";
import { AGENTS_CHANGED, type AgentRow, listAgents } from "../ledger/agents.ts";
import type { Database } from "../ledger/connection/database.ts";

/** An agent as routing and invocation need it, ready to use. */
export interface DirectoryAgent {
  readonly agentId: string;
  readonly organizationId: string;
  readonly handle: string;
  readonly status: AgentView["status"];
  readonly definition: AgentDefinition;
  readonly subscriptions: readonly { readonly expression: LinearPattern; readonly channels: readonly string[] }[];
  readonly identity: AgentIdentity;
  readonly row: AgentRow;
}

/** The agents that exist now, from memory; refreshed when any process changes one. */
export interface Directory {
  list(organizationId: string): readonly DirectoryAgent[];
  get(agentId: string): DirectoryAgent | undefined;
  byHandle(organizationId: string, handle: string): DirectoryAgent | undefined;
  /** The most messages of history that any agent wants, over all organizations. */
  longestHistory(): number;
  /** The review rooms of agents in shadow, as they are named, each once. */
  reviewRooms(): readonly string[];
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** Guarantees an identity that an agent's posts can be shown under, also when the agent is no longer there. */
export function shownIdentity(directory: Pick<Directory, "get">, agentId: string): AgentIdentity {
  return (
    directory.get(agentId)?.identity ?? { agentId, handle: "former-agent", name: "Former agent", color: "#808080" }
  );
}

/** Loads the directory and keeps it current by notification; resolves when it is complete. */
export async function openDirectory(database: Database, onError: (error: unknown) => void): Promise<Directory> {
  let byOrganization = new Map<string, DirectoryAgent[]>();
  let byId = new Map<string, DirectoryAgent>();
  const none: DirectoryAgent[] = [];
  let longestHistory = 0;
  let reviewRooms: readonly string[] = [];
  let begun = 0;
  let applied = 0;

  async function refresh(): Promise<void> {
    begun += 1;
    const mine = begun;
    const rows = await listAgents(database);
    // Of two looks at once the one that began later knows more, whichever comes back last.
    if (mine < applied) return;
    applied = mine;
    const known = byId;
    const agents = rows.map((row) => {
      const same = known.get(row.id);
      const isSame = same?.row.revision === row.revision && same.row.failingSince === row.failingSince;
      return same !== undefined && isSame ? same : toDirectoryAgent(row);
    });
    byId = new Map(agents.map((agent) => [agent.agentId, agent]));
    byOrganization = Map.groupBy(agents, (agent) => agent.organizationId);
    reviewRooms = [...new Set(agents.flatMap((agent) => agent.definition.shadow?.reviewRoom ?? []))];
    longestHistory = Math.max(0, ...agents.map((agent) => agent.definition.historyMessages));
  }

  const refreshQuietly = (): void => void refresh().catch(onError);
  const stopListening = await database.listen(AGENTS_CHANGED, refreshQuietly, refreshQuietly);
  await refresh();
  return {
    list: (organizationId) => byOrganization.get(organizationId) ?? none,
    get: (agentId) => byId.get(agentId),
    byHandle: (organizationId, handle) => byOrganization.get(organizationId)?.find((agent) => agent.handle === handle),
    longestHistory: () => longestHistory,
    reviewRooms: () => reviewRooms,
    refresh,
    close: stopListening,
  };
}

function toDirectoryAgent(row: AgentRow): DirectoryAgent {
  const { definition } = row;
  return {
    agentId: row.id,
    organizationId: row.organizationId,
    handle: definition.handle,
    status: row.status,
    definition,
    subscriptions: definition.subscriptions.flatMap(({ pattern, channels }) => {
      try {
        return [{ expression: compileLinearPattern(pattern), channels }];
      } catch {
        // Stored before patterns were checked as they are now: it hears nothing, and everything else of the agent works.
        return [];
      }
    }),
    identity: {
      agentId: row.id,
      handle: definition.handle,
      name: definition.name,
      color: row.color,
      ...(definition.avatarUrl === undefined ? {} : { avatarUrl: definition.avatarUrl }),
    },
    row,
  };
}
