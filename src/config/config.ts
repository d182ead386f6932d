import type { ConfigValues, OidcValues } from "./schema.ts";
import type { Secret } from "./secret.ts";

/** What was set about Slack, once it is known to be complete. */
export interface SlackConfig {
  readonly mode: "http" | "socket";
  readonly botToken: Secret | undefined;
  readonly appToken: Secret | undefined;
  readonly signingSecret: Secret | undefined;
  /** Present when workspaces can be connected by OAuth. */
  readonly oauth:
    | { readonly clientId: string; readonly clientSecret: Secret; readonly stateSecret: Secret | undefined }
    | undefined;
  /** Ends with a slash. */
  readonly apiUrl: string;
  readonly authorizeUrl: string | undefined;
  readonly allowedTeams: readonly string[];
  readonly linkHosts: readonly string[];
  readonly socketConnections: number;
  readonly command: string;
  readonly orderingHoldMs: number;
  readonly backfillMaxAgeMs: number;
  readonly backfillMaxMessages: number;
  readonly pacing: boolean;
}

/** What was set about Discord, once it is known to be complete. */
export interface DiscordConfig extends Omit<ConfigValues["discord"], "botToken" | "pacing"> {
  readonly botToken: Secret;
  readonly pacing: boolean;
}

/** What was set about Matrix, once it is known to be complete. */
export interface MatrixConfig extends Omit<ConfigValues["matrix"], "homeserverUrl" | "pacing"> {
  readonly homeserverUrl: string;
  /** Undefined: as the kind of account has it. */
  readonly pacing: boolean | undefined;
}

/** The identity provider of an organization, once it is known to be complete. */
export interface OidcConfig extends Omit<OidcValues, "issuer" | "clientId" | "clientSecret"> {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** One organization of the deployment with all that is its own. */
export interface OrganizationConfig {
  readonly id: string;
  readonly name: string;
  readonly slack: SlackConfig | undefined;
  readonly discord: DiscordConfig | undefined;
  readonly matrix: MatrixConfig | undefined;
  readonly oidc: OidcConfig | undefined;
  readonly agents: ConfigValues["agents"];
  readonly access: ConfigValues["access"];
}

/** The configuration as the rest of Parley reads it: complete, checked and frozen. */
export interface Config
  extends Omit<ConfigValues, "secretKey" | "slack" | "discord" | "matrix" | "web" | "organizations"> {
  /** The further ones; `organizationsOf` gives all. */
  readonly organizations: readonly OrganizationConfig[];
  /** Absolute path. */
  readonly dataFolder: string;
  readonly secretKey: Secret;
  /** `absent` only when loading was told to write nothing; the key is then good for this process alone. */
  readonly secretKeySource: "settings" | "file" | "generated" | "absent";
  readonly web: Omit<ConfigValues["web"], "port"> & {
    readonly port: number;
    /** Nobody chose the port, so the next free one will do. */
    readonly portIsDefault: boolean;
  };
  /** Undefined when nothing about Slack was set. */
  readonly slack: SlackConfig | undefined;
  /** Undefined when no bot token of Discord was set. */
  readonly discord: DiscordConfig | undefined;
  /** Undefined when nothing about Matrix was set. */
  readonly matrix: MatrixConfig | undefined;
  /** The configuration file that was read, absolute; undefined when there was none. */
  readonly configFile: string | undefined;
}

/** Every organization; the first is the one that the rest of the configuration is of. */
export function organizationsOf(config: Config): readonly [OrganizationConfig, ...OrganizationConfig[]] {
  const { organizationId: id, slack, discord, matrix, web, agents, access } = config;
  const own = { id, name: id, slack, discord, matrix, oidc: completeOidc(web.oidc), agents, access };
  return [own, ...config.organizations];
}

/** Undefined while something of it is missing. */
export function completeOidc({ issuer, clientId, clientSecret, ...rest }: OidcValues): OidcConfig | undefined {
  if (issuer === undefined || clientId === undefined || clientSecret === undefined) return undefined;
  return { ...rest, issuer, clientId, clientSecret };
}

/** Every secret value of a configuration, for the log's scrubber. */
export function secretValues(config: Config): readonly string[] {
  const { models } = config;
  const secrets = [
    config.secretKey,
    config.previousSecretKey,
    config.operatorToken,
    config.databaseUrl,
    config.redisUrl,
    ...organizationsOf(config).flatMap(({ slack, discord, matrix, oidc }) => [
      slack?.botToken,
      slack?.appToken,
      slack?.signingSecret,
      slack?.oauth?.clientSecret,
      slack?.oauth?.stateSecret,
      discord?.botToken,
      matrix?.accessToken,
      matrix?.encryption.recoveryKey,
      matrix?.appService.token,
      matrix?.appService.homeserverToken,
      oidc?.clientSecret,
    ]),
    models.openai.apiKey,
    models.anthropic.apiKey,
  ];
  const own = secrets.flatMap((secret) => (secret === undefined ? [] : [secret.reveal()]));
  return [
    ...own,
    ...organizationsOf(config).flatMap(({ agents }) => agents.flatMap((agent) => namedSecrets(agent.connector))),
  ];
}

/** Connectors have schemas of their own; what they call a secret is found by its name. */
function namedSecrets(value: unknown, named = false): string[] {
  if (typeof value === "string") return named ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    namedSecrets(item, (named && Array.isArray(value)) || /secret|token|password|api_?key|authorization/i.test(key)),
  );
}
