import { dirname } from "node:path";
import { createAssistantDefinition, isAssistantConfigured } from "../agents/assistant/index.ts";
import { createGuideAgent } from "../agents/guide/index.ts";
import { createModelWriter, ModelConfig } from "../agents/model/index.ts";
import { createConnector, findConnectorFaults, secretFieldsOf } from "../agents/registry.ts";
import { addSecret, endOldSecrets, generateWebhookSecret, signingSecrets } from "../agents/webhook/index.ts";
import type { DialIn } from "./app-dial-in.ts";
import type { Config, organizationsOf } from "./config/config.ts";
import { AgentDefinition, type ConnectorConfig } from "./contracts/agent-definition.ts";
import type { Operations } from "./contracts/operations.ts";
import type { Database } from "./ledger/connection/database.ts";
import type { NewId } from "./ledger/row-ids.ts";
import type { SecretBox } from "./ledger/secret-box.ts";
import { type Connectors, createConnectors, localKey } from "./pipeline/connectors.ts";
import type { Directory } from "./pipeline/directory.ts";
import { type AgentRegistry, createAgentRegistry } from "./pipeline/operations/agent-operations.ts";
import { createAgentTokens } from "./pipeline/operations/agent-tokens.ts";
import type { ConnectorKinds } from "./pipeline/operations/connector-kinds.ts";

interface AgentParts {
  readonly config: Config;
  readonly organizations: ReturnType<typeof organizationsOf>;
  readonly database: Database;
  readonly directory: Directory;
  readonly box: SecretBox;
  readonly newId: NewId;
  readonly operations: () => Operations;
  readonly dialIn: Pick<DialIn, "hub" | "presenceOf">;
  readonly agentTokenKeys: readonly [Buffer, ...Buffer[]];
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
}

/** The agents of a process: their connectors by kind, the registry over any database, and those that the configuration and Parley itself bring. */
export async function createAgents(parts: AgentParts): Promise<{
  readonly connectors: Connectors;
  readonly agentsOn: (own: Database) => AgentRegistry;
  readonly isAssistantReady: boolean;
}> {
  const { config, organizations, database, directory, box, newId, operations } = parts;
  const local = new Map<string, ConnectorConfig>();
  const connectors = createConnectors({
    directory,
    box,
    local,
    factory: (connector, { agentId, source, idleTimeoutMs }) =>
      createConnector(connector, {
        agentId,
        dialIn: parts.dialIn.hub,
        ...(config.configFile === undefined ? {} : { folder: dirname(config.configFile) }),
        source,
        idleTimeoutMs,
        network: { allowPrivateAddresses: config.allowPrivateAgentAddresses, allowedCidrs: [] },
      }),
  });
  const agentsOn = (own: Database): ReturnType<typeof createAgentRegistry> =>
    createAgentRegistry({
      database: own,
      directory,
      connectors,
      box,
      newId,
      kinds: CONNECTOR_KINDS,
      tokens: createAgentTokens({ newId, keys: parts.agentTokenKeys }),
      presenceOf: parts.dialIn.presenceOf,
      cancelRunning: parts.cancelRunning,
    });
  const agents = agentsOn(database);
  const assistant = { openai: reveal(config.models.openai), anthropic: reveal(config.models.anthropic) };
  const assistantDefinition = createAssistantDefinition(assistant);
  const writer = isAssistantConfigured(assistant)
    ? createModelWriter(ModelConfig.parse(assistantDefinition.connector), {
        network: { allowPrivateAddresses: true, allowedCidrs: [] },
      })
    : undefined;
  const builtins = [
    createGuideAgent({
      documents: documentation(),
      operations,
      ...(writer === undefined ? {} : { writer }),
    }),
    assistantDefinition,
  ];
  const shared = builtins.map((definition) => AgentDefinition.parse(definition));
  for (const organization of organizations) {
    for (const definition of [...builtins, ...organization.agents])
      local.set(localKey(organization.id, definition.handle), definition.connector);
    await agents.sync(organization.id, "builtin", shared);
    await agents.sync(organization.id, "config", organization.agents);
  }
  return { connectors, agentsOn, isAssistantReady: isAssistantConfigured(assistant) };
}

const CONNECTOR_KINDS: ConnectorKinds = {
  faults: findConnectorFaults,
  secretFields: secretFieldsOf,
  issueSecrets,
  signingSecrets: (config) => signingSecrets(config).length,
  addSecret,
  endOldSecrets,
};

function issueSecrets(config: ConnectorConfig): { config: ConnectorConfig; shown?: string } {
  // Workflow tools check no signature; whoever wants one gives the secret.
  if (config["dialect"] !== undefined && config["dialect"] !== "standard") return { config };
  if (config.kind !== "webhook" || config["secret"] !== undefined || config["secrets"] !== undefined) return { config };
  const secret = generateWebhookSecret();
  return { config: { ...config, secret }, shown: secret };
}

function reveal(settings: Config["models"]["openai"]): {
  apiKey: string | undefined;
  baseUrl: string | undefined;
  model: string | undefined;
} {
  return { apiKey: settings.apiKey?.reveal(), baseUrl: settings.baseUrl, model: settings.model };
}

function documentation(): URL[] {
  return ["../README.md", "../deploy/"].map((path) => new URL(path, import.meta.url));
}
