import type { ConnectorConfig } from "../contracts/agent-definition.ts";
import type { AgentConnector } from "../contracts/connector.ts";
import type { AgentView } from "../contracts/operations.ts";
import { ParleyError } from "../errors/parley-error.ts";
import { agentSecrets, type SecretBox } from "../ledger/secret-box.ts";
import type { Directory, DirectoryAgent } from "./directory.ts";

/** Makes a connector of its kind; given by the composition root, which alone knows the kinds. */
export type ConnectorFactory = (
  config: ConnectorConfig,
  agent: { agentId: string; handle: string; source: AgentView["source"]; idleTimeoutMs: number },
) => AgentConnector;

export interface Connectors {
  /** The connector of an agent as it is defined now. Errors: NOT_FOUND, CREDENTIAL_MISSING, CONFIG_INVALID. */
  of(agentId: string): AgentConnector;
  close(): Promise<void>;
}

export interface ConnectorsOptions {
  readonly directory: Directory;
  readonly box: SecretBox;
  readonly factory: ConnectorFactory;
  /** Connector configurations that exist in this process alone, by `localKey`: functions given directly. */
  readonly local: ReadonlyMap<string, ConnectorConfig>;
}

/** Names an agent of an organization; two organizations may have agents of one handle. */
export function localKey(organizationId: string, handle: string): string {
  return JSON.stringify([organizationId, handle]);
}

/** Keeps one connector per agent, made anew when the agent's definition changed. */
export function createConnectors(options: ConnectorsOptions): Connectors {
  const made = new Map<string, { readonly revision: number; readonly connector: AgentConnector }>();

  function configOf(agent: DirectoryAgent): ConnectorConfig {
    const local = options.local.get(localKey(agent.organizationId, agent.handle));
    return local ?? storedConfig(agent, options.box);
  }

  return {
    of(agentId) {
      const agent = options.directory.get(agentId);
      if (agent === undefined) throw new ParleyError("NOT_FOUND", { detail: "the agent was removed" });
      const known = made.get(agentId);
      if (known !== undefined && known.revision === agent.row.revision) return known.connector;
      void known?.connector.close().catch(() => undefined);
      const { handle, definition, row } = agent;
      const connector = options.factory(configOf(agent), {
        agentId,
        handle,
        source: row.source,
        idleTimeoutMs: definition.idleTimeoutMs,
      });
      made.set(agentId, { revision: row.revision, connector });
      return connector;
    },
    async close() {
      await Promise.allSettled([...made.values()].map(({ connector }) => connector.close()));
      made.clear();
    },
  };
}

/** The connector's configuration of an agent as the ledger has it, with its secrets opened. Errors: CREDENTIAL_MISSING. */
export function storedConfig(
  { organizationId, agentId, definition, row }: DirectoryAgent,
  box: SecretBox,
): ConnectorConfig {
  const secrets = row.secrets === null ? {} : box.open(agentSecrets(organizationId, agentId), row.secrets);
  const opened = Object.fromEntries(
    Object.entries(secrets).map(([name, value]): [string, unknown] => [name, JSON.parse(value)]),
  );
  return { ...definition.connector, ...opened };
}
