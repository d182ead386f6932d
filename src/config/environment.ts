/** How the text of a variable becomes a value. */
export type VariableKind = "text" | "integer" | "switch" | "list";

export interface Variable {
  readonly name: string;
  /** Where the value goes in the configuration; undefined for variables that only commands read. */
  readonly path?: readonly string[];
  /** Command line flag of `parley start` for the same setting. */
  readonly flag?: string;
  readonly kind: VariableKind;
  readonly secret: boolean;
  /** What holds when it is not set, in words. */
  readonly default: string;
  readonly description: string;
}

const variable = (
  name: string,
  path: string | undefined,
  standard: string,
  description: string,
  more: { flag?: string; kind?: VariableKind; secret?: boolean } = {},
): Variable => ({
  name,
  ...(path === undefined ? {} : { path: path.split(".") }),
  ...(more.flag === undefined ? {} : { flag: more.flag }),
  kind: more.kind ?? "text",
  secret: more.secret ?? false,
  default: standard,
  description,
});

const SECRET = { secret: true } as const;

/** Every environment variable Parley reads; nothing else of the environment has any effect. */
export const ENVIRONMENT: readonly Variable[] = [
  variable(
    "PARLEY_CONFIG",
    undefined,
    "parley.config.ts in the current folder, if there is one",
    "Path of the configuration file",
    { flag: "config" },
  ),
  variable(
    "PARLEY_DATA",
    "dataFolder",
    "./data",
    "Folder for the embedded ledger, the key file and the operator file",
    { flag: "data" },
  ),
  variable("PARLEY_HOST", "web.host", "127.0.0.1", "Address to listen on", { flag: "host" }),
  variable(
    "PARLEY_PORT",
    "web.port",
    "3700, or the next free port when that is taken",
    "Port to listen on; 0 takes any free one",
    { flag: "port", kind: "integer" },
  ),
  variable(
    "PARLEY_PUBLIC_URL",
    "web.publicUrl",
    "the address it listens on",
    "Address under which people and platforms reach Parley",
    { flag: "public-url" },
  ),
  variable("PARLEY_OIDC_ISSUER", "web.oidc.issuer", "people sign in by links alone", "Identity provider of the page"),
  variable("PARLEY_OIDC_CLIENT_ID", "web.oidc.clientId", "none", "Client id of Parley at the identity provider"),
  variable(
    "PARLEY_OIDC_CLIENT_SECRET",
    "web.oidc.clientSecret",
    "none",
    "Client secret of Parley at the identity provider",
    SECRET,
  ),
  variable(
    "PARLEY_OIDC_ALLOWED_DOMAINS",
    "web.oidc.allowedDomains",
    "none",
    "Domains of verified e-mail addresses that are let in, separated by commas; * for whoever the provider signs in",
    { kind: "list" },
  ),
  variable(
    "PARLEY_ALLOWED_HOSTS",
    "web.allowedHosts",
    "none beside localhost, addresses in figures and the public address",
    "Further names under which people reach Parley, separated by commas",
    { kind: "list" },
  ),
  variable(
    "PARLEY_TRUSTED_PROXIES",
    "web.trustedProxies",
    "none",
    "Reverse proxies whose x-forwarded headers are believed, separated by commas",
    { kind: "list" },
  ),
  variable("PARLEY_ROLES", "roles", "ingest,worker,delivery", "What this process does, separated by commas", {
    flag: "roles",
    kind: "list",
  }),
  variable("PARLEY_ORGANIZATION", "organizationId", "main", "Id of the organization this deployment serves"),
  variable(
    "PARLEY_SECRET_KEY",
    "secretKey",
    "secret.key in the data folder, made at the first start",
    "The deployment's own key, at least 128 bits; seals tokens at rest",
    SECRET,
  ),
  variable(
    "PARLEY_PREVIOUS_SECRET_KEY",
    "previousSecretKey",
    "none",
    "The key of before a change of PARLEY_SECRET_KEY, until the log says that everything is sealed with the current one",
    SECRET,
  ),
  variable(
    "PARLEY_TOKEN",
    "operatorToken",
    "a new one at each start, in operator.json of the data folder",
    "Bearer token of the API for operators; the command line sends it",
    SECRET,
  ),
  variable(
    "PARLEY_URL",
    undefined,
    "the one in operator.json of the data folder",
    "Address of the Parley that the command line talks to",
  ),
  variable("PARLEY_LOG_LEVEL", "logLevel", "info", "trace, debug, info, warn, error or silent", { flag: "log-level" }),
  variable("PARLEY_LOG_FORMAT", "logFormat", "auto: text on a terminal, json elsewhere", "json or text", {
    flag: "log-format",
  }),
  variable("PARLEY_TURN_BUDGET", "pipeline.turnBudget", "16", "Most agent turns that one human message may cause", {
    kind: "integer",
  }),
  variable(
    "PARLEY_RETENTION_DAYS",
    "retention.days",
    "90",
    "Age in days from which finished work and its messages are removed from the ledger; 0 keeps everything",
    { kind: "integer" },
  ),
  variable(
    "PARLEY_AUDIT_RETENTION_DAYS",
    "retention.auditDays",
    "0",
    "Age in days from which the audit log is pruned at its front, whole seals at a time; 0 keeps it for ever",
    { kind: "integer" },
  ),
  variable(
    "PARLEY_ALLOW_PRIVATE_AGENTS",
    "allowPrivateAgentAddresses",
    "off",
    "on lets webhook agents live on loopback and private addresses",
    { kind: "switch" },
  ),
  variable(
    "PARLEY_ALLOW_PRIVATE_PUSH",
    "allowPrivatePushAddresses",
    "off",
    "on lets whoever has a token for talking over A2A have Parley send notifications to loopback and private addresses",
    { kind: "switch" },
  ),
  variable(
    "DATABASE_URL",
    "databaseUrl",
    "PGlite in the data folder",
    "postgres:// address of the ledger (PostgreSQL 14 or newer)",
    SECRET,
  ),
  variable(
    "REDIS_URL",
    "redisUrl",
    "the queue lives in the ledger's database",
    "redis:// or rediss:// address of the queue",
    SECRET,
  ),
  variable("SLACK_BOT_TOKEN", "slack.botToken", "not connected", "Bot token of one workspace (xoxb-...)", SECRET),
  variable("SLACK_APP_TOKEN", "slack.appToken", "none", "App-level token for Socket Mode (xapp-...)", SECRET),
  variable(
    "SLACK_SIGNING_SECRET",
    "slack.signingSecret",
    "none",
    "Signing secret of the app, for events over HTTP",
    SECRET,
  ),
  variable("SLACK_CLIENT_ID", "slack.clientId", "none", "Client id of the app, for installs by OAuth"),
  variable(
    "SLACK_CLIENT_SECRET",
    "slack.clientSecret",
    "none",
    "Client secret of the app, for installs by OAuth",
    SECRET,
  ),
  variable(
    "SLACK_STATE_SECRET",
    "slack.stateSecret",
    "derived from the deployment's own key",
    "Key that seals the OAuth state",
    SECRET,
  ),
  variable(
    "SLACK_API_URL",
    "slack.apiUrl",
    "https://slack.com/api/",
    "Base address of the Web API (GovSlack, a proxy)",
  ),
  variable("SLACK_MODE", "slack.mode", "socket when SLACK_APP_TOKEN is set, else http", "http or socket"),
  variable(
    "SLACK_ORDERING_HOLD_MS",
    "slack.orderingHoldMs",
    "0",
    "How long events wait for earlier ones that Slack delivers late, in ms; every answer comes that much later",
    { kind: "integer" },
  ),
  variable("SLACK_PACING", "slack.pacing", "on", "off writes as fast as it can, for tests against a stand-in only"),
  variable("DISCORD_BOT_TOKEN", "discord.botToken", "not connected", "Token of the Discord bot", SECRET),
  variable(
    "DISCORD_MESSAGES",
    "discord.messages",
    "all",
    "all hears every message and needs the Message Content intent; mentions hears what names the bot",
  ),
  variable(
    "DISCORD_MEMBER_EVENTS",
    "discord.memberEvents",
    "off",
    "on hears at once who joins, leaves and changes roles; needs the Server Members intent",
    { kind: "switch" },
  ),
  variable(
    "DISCORD_API_URL",
    "discord.apiUrl",
    "https://discord.com/api/v10",
    "Base address of the REST API with its version (a proxy, a compatible server)",
  ),
  variable("DISCORD_GATEWAY_URL", "discord.gatewayUrl", "what Discord names", "Address of the gateway"),
  variable(
    "DISCORD_CDN_HOSTS",
    "discord.cdnHosts",
    "cdn.discordapp.com,media.discordapp.net",
    "Hosts that files are fetched from, separated by commas",
    { kind: "list" },
  ),
  variable(
    "DISCORD_SHARDS",
    "discord.shardCount",
    "what Discord advises",
    "Number of gateway sessions that the guilds are spread over",
    { kind: "integer" },
  ),
  variable("DISCORD_PACING", "discord.pacing", "on", "off writes as fast as it can, for tests against a stand-in only"),
  variable(
    "MATRIX_HOMESERVER_URL",
    "matrix.homeserverUrl",
    "not connected",
    "Base address of the homeserver's client API (https://matrix.example.org)",
  ),
  variable("MATRIX_ACCESS_TOKEN", "matrix.accessToken", "none", "Access token of a bot account", SECRET),
  variable(
    "MATRIX_RECOVERY_KEY",
    "matrix.encryption.recoveryKey",
    "encrypted rooms are left alone",
    "Recovery key of the bot account; with it the bot takes part in encrypted rooms",
    SECRET,
  ),
  variable(
    "MATRIX_AS_TOKEN",
    "matrix.appService.token",
    "none",
    "as_token of the application service's registration",
    SECRET,
  ),
  variable(
    "MATRIX_HS_TOKEN",
    "matrix.appService.homeserverToken",
    "none",
    "hs_token of the application service's registration",
    SECRET,
  ),
  variable(
    "MATRIX_INVITERS",
    "matrix.inviters",
    "everybody on the account's own server",
    "Whose invitations are followed: @user:server, a server, or *, separated by commas",
    { kind: "list" },
  ),
  variable(
    "MATRIX_TRUSTED_SERVERS",
    "matrix.trustedServers",
    "none",
    "Servers whose people are not external, separated by commas",
    { kind: "list" },
  ),
  variable(
    "MATRIX_PACING",
    "matrix.pacing",
    "on for a bot account, off for an application service",
    "off gives up Synapse's limits for ordinary accounts, where the homeserver has lifted them",
  ),
  variable(
    "OPENAI_API_KEY",
    "models.openai.apiKey",
    "none",
    "Key of an OpenAI-compatible endpoint, for the agent assistant",
    SECRET,
  ),
  variable("OPENAI_BASE_URL", "models.openai.baseUrl", "OpenAI's own", "Base address of an OpenAI-compatible endpoint"),
  variable("OPENAI_MODEL", "models.openai.model", "the connector's own choice", "Model to ask there"),
  variable(
    "ANTHROPIC_API_KEY",
    "models.anthropic.apiKey",
    "none",
    "Anthropic API key, for the agent assistant",
    SECRET,
  ),
  variable("ANTHROPIC_MODEL", "models.anthropic.model", "the connector's own choice", "Model to ask there"),
  variable("ANTHROPIC_BASE_URL", "models.anthropic.baseUrl", "Anthropic's own", "Base address of the Anthropic API"),
];

/** The variable that sets a path of the configuration, such as `web.port`. */
export function variableOf(path: readonly PropertyKey[]): Variable | undefined {
  const key = path.join(".");
  return ENVIRONMENT.find((row) => row.path?.join(".") === key);
}
