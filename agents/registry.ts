import type { z } from "zod";
import type { ConnectorConfig } from "../src/contracts/agent-definition.ts";
import { DEFAULT_IDLE_TIMEOUT_MS } from "../src/contracts/agent-definition.ts";
import type { AgentConnector } from "../src/contracts/connector.ts";
import { ParleyError } from "../src/errors/parley-error.ts";
import { A2aConfig, createA2aConnector } from "./a2a/index.ts";
import { AcpConfig, createAcpConnector } from "./acp/index.ts";
import { AguiConfig, createAguiConnector } from "./agui/index.ts";
import { createFunctionConnector, FunctionConfig } from "./function/index.ts";
import { createModelConnector, findPrograms, ModelConfig } from "./model/index.ts";
import { CLOSED_NETWORK, type NetworkPolicy } from "./shared/address-policy.ts";
import { withBreaker } from "./shared/breaker.ts";
import type { ResolveAddresses } from "./shared/guarded-connect.ts";
import { createSocketConnector, type DialInHub, SocketConfig } from "./socket/index.ts";
import { createWebhookConnector, WebhookConfig } from "./webhook/index.ts";

export type { NetworkPolicy } from "./shared/address-policy.ts";

/** Who declared an agent: the operator's configuration file, a caller of the API, or Parley itself. */
export type AgentSource = "config" | "api" | "builtin";

export interface ConnectorServices {
  readonly source: AgentSource;
  /** Which addresses agents may be called at. Default: public ones by https alone. */
  readonly network?: NetworkPolicy;
  /** Longest silence within a turn, in ms, as the agent's definition says. */
  readonly idleTimeoutMs?: number;
  /** Folder that module paths begin at: the one of `parley.config.ts`. Default: the working folder. */
  readonly folder?: string;
  readonly resolve?: ResolveAddresses;
  /** The agent's id, and the hub that it dials in to; without them it can be declared and is never reached. */
  readonly agentId?: string;
  readonly dialIn?: DialInHub;
}

/** One thing that is wrong with a connector's configuration. `path` begins at the connector: `url`, `secrets.0`. */
export interface ConnectorFault {
  readonly path: string;
  readonly problem: string;
}

interface Kind<Config> {
  readonly schema: z.ZodType<Config>;
  /** Names of fields that hold secrets: to be encrypted at rest and never shown. */
  readonly secretFields: readonly string[];
  readonly sources: readonly AgentSource[];
  /** Parts of a valid configuration that not everybody may give. Default: none. */
  readonly refuse?: (config: Config, source: AgentSource) => readonly ConnectorFault[];
  create(config: Config, services: GivenServices): AgentConnector;
}

type Optional = "resolve" | "agentId" | "dialIn";
type GivenServices = Required<Omit<ConnectorServices, Optional>> & Pick<ConnectorServices, Optional>;

/** Ties a kind's schema to its factory, so that the table below can hold kinds of different configurations. */
function kind<Config>(entry: Kind<Config>) {
  return {
    secretFields: entry.secretFields,
    sources: entry.sources,
    faults: (config: ConnectorConfig, source: AgentSource): readonly ConnectorFault[] => {
      const parsed = entry.schema.safeParse(config);
      if (!parsed.success) return parsed.error.issues.flatMap(issueToFaults);
      return entry.refuse?.(parsed.data, source) ?? [];
    },
    create: (config: ConnectorConfig, services: GivenServices) => entry.create(entry.schema.parse(config), services),
  };
}

const KINDS = new Map([
  [
    "function",
    kind({
      schema: FunctionConfig,
      secretFields: [],
      // A module runs with all of Parley's rights, so only who may change its files may name one.
      sources: ["config", "builtin"],
      create: (config, { folder, idleTimeoutMs }) => createFunctionConnector(config, { folder, idleTimeoutMs }),
    }),
  ],
  [
    "acp",
    kind({
      schema: AcpConfig,
      secretFields: ["env", "mcpServers"],
      // It starts a program with Parley's rights, as a module does.
      sources: ["config", "builtin"],
      create: (config, { idleTimeoutMs }) => withBreaker(createAcpConnector(config, { idleTimeoutMs })),
    }),
  ],
  [
    "webhook",
    kind({
      schema: WebhookConfig,
      secretFields: ["secret", "secrets", "authorization"],
      sources: ["config", "api", "builtin"],
      create: (config, { network, idleTimeoutMs, resolve }) =>
        withBreaker(createWebhookConnector(config, { network, idleTimeoutMs, ...(resolve && { resolve }) })),
    }),
  ],
  [
    "a2a",
    kind({
      schema: A2aConfig,
      secretFields: ["bearer", "apiKey", "headers"],
      sources: ["config", "api", "builtin"],
      create: (config, { network, idleTimeoutMs, resolve }) =>
        withBreaker(createA2aConnector(config, { network, idleTimeoutMs, ...(resolve && { resolve }) })),
    }),
  ],
  [
    "agui",
    kind({
      schema: AguiConfig,
      secretFields: ["token"],
      sources: ["config", "api", "builtin"],
      create: (config, { network, idleTimeoutMs, resolve }) =>
        withBreaker(createAguiConnector(config, { network, idleTimeoutMs, ...(resolve && { resolve }) })),
    }),
  ],
  [
    "model",
    kind({
      schema: ModelConfig,
      secretFields: ["apiKey", "mcpServers"],
      sources: ["config", "api", "builtin"],
      refuse: (config, source) => (source === "api" ? findPrograms(config) : []),
      create: (config, { network, idleTimeoutMs, folder, resolve }) =>
        withBreaker(createModelConnector(config, { network, idleTimeoutMs, folder, ...(resolve && { resolve }) })),
    }),
  ],
  [
    "socket",
    kind({
      schema: SocketConfig,
      secretFields: [],
      sources: ["config", "api", "builtin"],
      create(config, { agentId, dialIn, idleTimeoutMs }) {
        if (agentId === undefined || dialIn === undefined)
          throw new ParleyError("INVARIANT_BROKEN", {
            detail: "agents cannot dial in to where this one is to be reached",
          });
        return createSocketConnector(config, { hub: dialIn, agentId, idleTimeoutMs });
      },
    }),
  ],
]);

/** Kinds of connectors there are. */
export const CONNECTOR_KINDS: readonly string[] = [...KINDS.keys()];

/** Guarantees every fault of a connector's configuration, each with its path; an empty list means that it can be created. */
export function findConnectorFaults(config: ConnectorConfig, source: AgentSource): readonly ConnectorFault[] {
  const entry = KINDS.get(config.kind);
  if (entry === undefined)
    return [{ path: "kind", problem: `there is no connector of this kind; known are ${CONNECTOR_KINDS.join(", ")}` }];
  const isAllowed = entry.sources.includes(source);
  const refusal = {
    path: "kind",
    problem: `an agent of this kind can only be declared in parley.config.ts, since it runs code of this machine`,
  };
  return [...(isAllowed ? [] : [refusal]), ...entry.faults(config, source)];
}

/** Guarantees a connector for a valid configuration, without I/O; throws CONFIG_INVALID with every fault and its path. */
export function createConnector(config: ConnectorConfig, services: ConnectorServices): AgentConnector {
  const faults = findConnectorFaults(config, services.source);
  const entry = KINDS.get(config.kind);
  if (faults.length > 0 || entry === undefined) {
    throw new ParleyError("CONFIG_INVALID", {
      detail: faults.map((fault) => `connector.${fault.path}: ${fault.problem}`).join("; "),
    });
  }
  return entry.create(config, {
    source: services.source,
    network: networkOf(services),
    idleTimeoutMs: services.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
    folder: services.folder ?? process.cwd(),
    ...(services.resolve && { resolve: services.resolve }),
    ...(services.agentId !== undefined && { agentId: services.agentId }),
    ...(services.dialIn && { dialIn: services.dialIn }),
  });
}

/** Fields of a kind's configuration that hold secrets; empty for an unknown kind. */
export function secretFieldsOf(connectorKind: string): readonly string[] {
  return KINDS.get(connectorKind)?.secretFields ?? [];
}

/** A built-in agent's address comes from the operator's own environment, where a model on the same machine is the usual case. */
function networkOf(services: ConnectorServices): NetworkPolicy {
  const network = services.network ?? CLOSED_NETWORK;
  return services.source === "builtin" ? { ...network, allowPrivateAddresses: true } : network;
}

function issueToFaults(issue: z.core.$ZodIssue): readonly ConnectorFault[] {
  const path = issue.path.map(String).join(".");
  if (issue.code !== "unrecognized_keys") return [{ path, problem: issue.message }];
  return issue.keys.map((key) => ({
    path: [path, key].filter(Boolean).join("."),
    problem: "there is no such setting",
  }));
}
