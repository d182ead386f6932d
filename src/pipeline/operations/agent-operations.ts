import { createHash } from "node:crypto";
import { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { AgentPresence } from "../../contracts/dial-in.ts";
import type { AgentOperations, AgentView } from "../../contracts/operations.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { pauseAgent, removeAgent, saveAgent } from "../../ledger/agents.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { endInvitationsOfAgent } from "../../ledger/invitations.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { agentSecrets, type SecretBox } from "../../ledger/secret-box.ts";
import { retryDeadlocks } from "../../ledger/sql-states.ts";
import { endRemoved } from "../../ledger/switches.ts";
import type { Connectors } from "../connectors.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";
import type { AgentTokens } from "./agent-tokens.ts";
import { readAgentUsage } from "./agent-usage.ts";
import { type ConnectorKinds, splitSecrets } from "./connector-kinds.ts";
import { findPatternFaults } from "./pattern-faults.ts";
import { createSigningSecrets } from "./signing-secrets.ts";

export interface AgentOperationsOptions {
  readonly database: Database;
  readonly directory: Directory;
  readonly connectors: Connectors;
  readonly box: SecretBox;
  readonly newId: NewId;
  readonly kinds: ConnectorKinds;
  readonly tokens: AgentTokens;
  /** Whether an agent that dials in is there; undefined for one of another kind. */
  readonly presenceOf: (agentId: string) => AgentPresence | undefined;
  /** Tells turns that run, here or in other processes, that they are over. */
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
}

/** The kind of agents that dial in, with a token of Parley's. */
const DIALS_IN = "socket";

export interface AgentRegistry extends AgentOperations {
  /** Makes the agents of one source in the ledger exactly these; handles of another source are a CONFLICT. */
  sync(organizationId: string, source: "config" | "builtin", definitions: readonly AgentDefinition[]): Promise<void>;
}

export function createAgentRegistry(options: AgentOperationsOptions): AgentRegistry {
  const { database, directory, box, kinds } = options;
  const signing = createSigningSecrets({ database, box, kinds });

  function existing(organizationId: string, handle: string): DirectoryAgent {
    const agent = directory.byHandle(organizationId, handle);
    if (agent === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no agent @${handle}` });
    return agent;
  }

  async function store(
    organizationId: string,
    definition: AgentDefinition,
    source: AgentView["source"],
  ): Promise<void> {
    const id =
      directory.byHandle(organizationId, definition.handle)?.agentId ?? agentIdOf(organizationId, definition.handle);
    const { connector, secrets } = splitSecrets(definition.connector, kinds.secretFields(definition.connector.kind));
    const sealed = Object.keys(secrets).length === 0 ? null : box.seal(agentSecrets(organizationId, id), secrets);
    await saveAgent(database, {
      id,
      organizationId,
      definition: { ...definition, connector },
      secrets: sealed,
      color: colorOf(definition.handle),
      source,
    });
  }

  /** An agent of the same handle that is added later gets nothing of what this one was given. */
  async function withdraw(organizationId: string, agent: DirectoryAgent, by: string): Promise<void> {
    const { agentId, handle } = agent;
    const ended = await retryDeadlocks(() =>
      database.transaction(async (tx) => {
        await removeAgent(tx, organizationId, handle);
        await options.tokens.revoke(tx, agent, by);
        await endInvitationsOfAgent(tx, agentId, by);
        return await endRemoved(tx, { organizationId, agentId, handle, by });
      }),
    );
    options.cancelRunning(
      ended.map((turn) => turn.id),
      "cancelled:agent_removed",
    );
  }

  const viewOf = (agent: DirectoryAgent): AgentView => toView(agent, options.presenceOf(agent.agentId));

  async function issue(agent: DirectoryAgent, by: string): Promise<string> {
    return await database.transaction((tx) => options.tokens.issue(tx, agent, by));
  }

  return {
    async list(organizationId) {
      return directory.list(organizationId).map(viewOf);
    },
    async add(organizationId, input) {
      const parsed = AgentDefinition.safeParse(input);
      if (!parsed.success)
        throw invalid(
          parsed.error.issues.map((issue) => ({ path: issue.path.map(String).join("."), problem: issue.message })),
        );
      checkPatterns(parsed.data);
      const { config, shown } = kinds.issueSecrets(parsed.data.connector);
      const definition = { ...parsed.data, connector: config };
      const faults = kinds.faults(config, "api");
      if (faults.length > 0)
        throw invalid(faults.map((fault) => ({ path: `connector.${fault.path}`, problem: fault.problem })));
      if (directory.byHandle(organizationId, definition.handle) !== undefined) {
        throw new ParleyError("CONFLICT", {
          detail: `there is an agent @${definition.handle} already; remove it first or choose another handle`,
        });
      }
      await store(organizationId, definition, "api");
      await directory.refresh();
      const added = existing(organizationId, definition.handle);
      const secret = config.kind === DIALS_IN ? await issue(added, "operator") : shown;
      return { agent: viewOf(added), ...(secret === undefined ? {} : { secret }) };
    },
    async remove(organizationId, handle) {
      const agent = existing(organizationId, handle);
      if (agent.row.source !== "api")
        throw new ParleyError("CONFLICT", {
          detail: `@${handle} is declared in ${agent.row.source === "config" ? "parley.config.ts" : "Parley itself"}; pause it instead`,
        });
      await withdraw(organizationId, agent, "operator");
      await directory.refresh();
    },
    async pause(organizationId, handle) {
      const { status } = existing(organizationId, handle);
      if (status === "stopped")
        throw new ParleyError("CONFLICT", { detail: `@${handle} is stopped, which is stronger than paused` });
      await database.transaction(async (tx) => {
        await pauseAgent(tx, organizationId, handle);
        await appendAudit(tx, organizationId, [
          { what: "switch", by: "operator", rule: "agent_paused", agent: handle },
        ]);
      });
      await directory.refresh();
      return viewOf(existing(organizationId, handle));
    },
    async check(organizationId, handle) {
      const agent = existing(organizationId, handle);
      try {
        return await options.connectors.of(agent.agentId).check(AbortSignal.timeout(10_000));
      } catch (error) {
        return {
          ok: false,
          detail: error instanceof ParleyError ? (error.detail ?? error.row.userText) : "the agent cannot be checked",
        };
      }
    },
    async rotateToken(organizationId, handle, { by }) {
      const agent = existing(organizationId, handle);
      if (agent.definition.connector.kind === DIALS_IN) return { agent: viewOf(agent), secret: await issue(agent, by) };
      const secret = await signing.rotate(agent, by);
      await directory.refresh();
      return { agent: viewOf(existing(organizationId, handle)), secret };
    },
    async revokeToken(organizationId, handle, { by }) {
      const agent = existing(organizationId, handle);
      const isEnded =
        agent.definition.connector.kind === DIALS_IN
          ? await database.transaction((tx) => options.tokens.revoke(tx, agent, by))
          : await signing.endOld(agent, by);
      if (!isEnded) throw new ParleyError("NOT_FOUND", { detail: `@${handle} has no token, and no secret of before` });
      await directory.refresh();
    },
    usage: (organizationId, handle) => readAgentUsage(database, directory, organizationId, handle),
    async sync(organizationId, source, definitions) {
      for (const definition of definitions) {
        checkPatterns(definition);
        const known = directory.byHandle(organizationId, definition.handle);
        if (known !== undefined && known.row.source !== source && known.row.source === "api") {
          throw new ParleyError("CONFIG_INVALID", {
            detail: `agents.${definition.handle}: this handle is taken by an agent added through the API; remove it with: parley agents remove ${definition.handle}`,
          });
        }
        await store(organizationId, definition, source);
      }
      const wanted = new Set(definitions.map((definition) => definition.handle));
      for (const agent of directory.list(organizationId)) {
        if (agent.row.source === source && !wanted.has(agent.handle)) await withdraw(organizationId, agent, source);
      }
      await directory.refresh();
    },
  };
}

export function toView(agent: DirectoryAgent, connection?: AgentPresence): AgentView {
  const { definition, row } = agent;
  return {
    agentId: agent.agentId,
    handle: agent.handle,
    name: definition.name,
    description: definition.description,
    ...(definition.avatarUrl === undefined ? {} : { avatarUrl: definition.avatarUrl }),
    color: row.color,
    connectorKind: definition.connector.kind,
    source: row.source,
    status: row.status,
    ...(row.statusReason === null ? {} : { statusReason: row.statusReason }),
    ...(row.statusSince === null || row.status === "active" ? {} : { statusSince: row.statusSince }),
    ...(row.failingSince === null ? {} : { failingSince: row.failingSince }),
    turnMode: definition.turnMode,
    channels: definition.channels,
    ...(definition.owner === undefined ? {} : { owner: definition.owner }),
    ...(definition.shadow === undefined ? {} : { shadow: definition.shadow.reviewRoom }),
    ...(connection === undefined ? {} : { connection }),
  };
}

function agentIdOf(organizationId: string, handle: string): string {
  return `a_${createHash("sha256")
    .update(JSON.stringify([organizationId, handle]))
    .digest("hex")
    .slice(0, 20)}`;
}

/** Colours that read well on white and on near-black, both at 4.5:1 or better with their paired text. */
const PALETTE = [
  "#2f6fde",
  "#0f7b6c",
  "#b3541e",
  "#8a3ffc",
  "#c0266b",
  "#4f7a1b",
  "#0e7490",
  "#a16207",
  "#be3a34",
  "#5b5bd6",
] as const;

/** A colour that stays the same for a handle, whatever other agents come and go. */
function colorOf(handle: string): string {
  const byte = createHash("sha256").update(handle).digest()[0] ?? 0;
  return PALETTE[byte % PALETTE.length] ?? PALETTE[0];
}

function checkPatterns({ subscriptions }: AgentDefinition): void {
  const faults = findPatternFaults(subscriptions);
  if (faults.length > 0) throw invalid(faults);
}

function invalid(faults: readonly { path: string; problem: string }[]): ParleyError {
  return new ParleyError("REQUEST_INVALID", {
    detail: faults.map((fault) => `${fault.path}: ${fault.problem}`).join("; "),
  });
}
