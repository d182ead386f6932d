import { z } from "zod";
import { AccessConfig } from "../contracts/access-config.ts";
import { AgentDefinition } from "../contracts/agent-definition.ts";
import { httpUrl, secret, whole } from "./setting-kinds.ts";

/** The parts of the work that a process may do; all of them by default. */
export const Role = z.enum(["ingest", "worker", "delivery"]);
export type Role = z.infer<typeof Role>;

export const DEFAULT_PORT = 3700;
export const DEFAULT_HOST = "127.0.0.1";
export const DEFAULT_DATA_FOLDER = "./data";
export const DEFAULT_DISCORD_API_URL = "https://discord.com/api/v10";
export const DEFAULT_DISCORD_CDN_HOSTS = ["cdn.discordapp.com", "media.discordapp.net"] as const;
export const DEFAULT_SLACK_API_URL = "https://slack.com/api/";

/** Ids of organizations stand in addresses and keys. */
const OrganizationId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "must be 1-64 of a-z, 0-9, - and _");

const Oidc = z.strictObject({
  issuer: httpUrl
    .optional()
    .describe("issuer of the identity provider that people of the page sign in by; default none"),
  clientId: z.string().min(1).max(256).optional().describe("client id of Parley at the provider"),
  clientSecret: secret("client secret of Parley at the provider"),
  label: z
    .string()
    .min(1)
    .max(40)
    .default("your organization")
    .describe("what the page calls the provider; default your organization"),
  allowedDomains: z
    .array(z.string().min(1).max(253))
    .max(100)
    .default([])
    .describe("domains of verified e-mail addresses that are let in, * for whoever the issuer signs in; default none"),
  claims: z
    .record(z.string().min(1).max(128), z.array(z.string().min(1).max(256)).min(1).max(100))
    .default({})
    .describe("claims that a person must have, each with one of these values; default none"),
  defaultRole: z
    .enum(["admin", "member"], { error: 'must be "admin" or "member"' })
    .default("member")
    .describe("role of somebody who comes for the first time: admin or member; default member"),
});

const Web = z.strictObject({
  oidc: Oidc.prefault({}),
  host: z
    .string()
    .min(1)
    .max(255)
    .default(DEFAULT_HOST)
    .describe(`address to listen on; default ${DEFAULT_HOST}, which only this machine reaches`),
  port: z
    .int({ error: "must be a whole number from 0 to 65535" })
    .min(0, "must be a whole number from 0 to 65535")
    .max(65_535, "must be a whole number from 0 to 65535")
    .optional()
    .describe(
      `port to listen on, 0 for any free one; default ${DEFAULT_PORT}, or the next free one when that is taken`,
    ),
  publicUrl: httpUrl
    .optional()
    .describe("address under which people and platforms reach Parley, such as https://parley.example.org"),
  allowedHosts: z
    .array(z.string().min(1).max(253))
    .max(100)
    .default([])
    .describe(
      "further names, exact or *.example.org, under which people reach Parley; others are refused where it listens on this machine alone, and everywhere once one is named; default none beside the public address",
    ),
  trustedProxies: z
    .array(z.string().min(1).max(64))
    .max(20)
    .default([])
    .describe("addresses or CIDR ranges of reverse proxies whose x-forwarded headers are believed; default none"),
});

const Slack = z.strictObject({
  mode: z
    .enum(["http", "socket"], { error: 'must be "http" or "socket"' })
    .optional()
    .describe("how Slack's events arrive: http or socket; default socket when an app token is set, else http"),
  botToken: secret("bot token of one workspace; begins with xoxb-"),
  appToken: secret("app-level token for Socket Mode with the scope connections:write; begins with xapp-"),
  signingSecret: secret("signing secret of the app, for events over HTTP"),
  clientId: z.string().min(1).max(128).optional().describe("client id of the app, for installs by OAuth"),
  clientSecret: secret("client secret of the app, for installs by OAuth"),
  stateSecret: secret("key that seals the OAuth state; default derived from the deployment's own key"),
  apiUrl: httpUrl
    .default(DEFAULT_SLACK_API_URL)
    .describe(`base address of the Web API (GovSlack, a proxy); default ${DEFAULT_SLACK_API_URL}`),
  authorizeUrl: httpUrl.optional().describe("Slack's page that asks for consent; default that of the commercial cloud"),
  allowedTeams: z
    .array(z.string().min(1).max(64))
    .max(1_000)
    .default([])
    .describe("workspace and enterprise ids that may install by OAuth; default any"),
  linkHosts: z
    .array(z.string().min(1).max(253))
    .max(1_000)
    .default([])
    .describe("hosts whose links stay clickable in replies, exact or *.example.org, * for all; default none"),
  socketConnections: whole(1, 5, 2, "sockets in Socket Mode"),
  command: z
    .string()
    .regex(/^\/[a-z0-9_-]{1,31}$/, "must be a slash and 1-31 of a-z, 0-9, - and _")
    .default("/parley")
    .describe("slash command of the app; default /parley"),
  orderingHoldMs: whole(0, 60_000, 0, "time events wait for earlier ones that Slack delivers late, in ms"),
  backfillMaxAgeMs: whole(0, 2_592_000_000, 172_800_000, "how far back missed messages are read, in ms"),
  backfillMaxMessages: whole(1, 100_000, 10_000, "most missed messages that are read per channel"),
  pacing: z
    .enum(["on", "off"], { error: 'must be "on" or "off"' })
    .default("on")
    .describe("keep to Slack's published write rates; off only against a stand-in; default on"),
});

const Discord = z.strictObject({
  botToken: secret("token of the bot, from the developer portal"),
  messages: z
    .enum(["all", "mentions"], { error: 'must be "all" or "mentions"' })
    .default("all")
    .describe("what is heard: all needs the Message Content intent, mentions does not; default all"),
  memberEvents: z
    .boolean({ error: "must be true or false" })
    .default(false)
    .describe("hear at once who joins, leaves and changes roles; needs the Server Members intent; default false"),
  apiUrl: httpUrl
    .default(DEFAULT_DISCORD_API_URL)
    .describe(`base address of the REST API with its version; default ${DEFAULT_DISCORD_API_URL}`),
  gatewayUrl: z
    .url({ protocol: /^wss?$/, error: "must be a ws or wss address" })
    .max(2048)
    .optional()
    .describe("address of the gateway (a proxy, a compatible server); default what Discord names"),
  cdnHosts: z
    .array(z.string().min(1).max(253))
    .min(1)
    .max(20)
    .default([...DEFAULT_DISCORD_CDN_HOSTS])
    .describe(`hosts that files are fetched from; default ${DEFAULT_DISCORD_CDN_HOSTS.join(" and ")}`),
  shardCount: z
    .int({ error: "must be a whole number from 1 to 1000" })
    .min(1, "must be a whole number from 1 to 1000")
    .max(1_000, "must be a whole number from 1 to 1000")
    .optional()
    .describe("gateway sessions that the guilds are spread over, 1 to 1000; default what Discord advises"),
  shardIds: z
    .array(z.int().min(0).max(999))
    .min(1)
    .max(1_000)
    .optional()
    .describe("the shards of this process; default all that no other process runs"),
  linkHosts: z
    .array(z.string().min(1).max(253))
    .max(1_000)
    .default([])
    .describe("hosts whose links stay clickable in replies, exact or *.example.org, * for all; default none"),
  answersInThread: z
    .boolean({ error: "must be true or false" })
    .default(true)
    .describe("answers to a message in a channel open a thread under it; default true"),
  command: z
    .string()
    .regex(/^[a-z0-9_-]{1,32}$/, "must be 1-32 of a-z, 0-9, - and _")
    .default("parley")
    .describe("name of the slash command; default parley"),
  backfillMaxAgeMs: whole(0, 2_592_000_000, 172_800_000, "how far back missed messages are read, in ms"),
  backfillMaxMessages: whole(0, 100_000, 10_000, "most missed messages that are read per channel or thread"),
  pacing: z
    .enum(["on", "off"], { error: 'must be "on" or "off"' })
    .default("on")
    .describe("keep to a pace below Discord's limits; off only against a stand-in; default on"),
});

const Matrix = z.strictObject({
  homeserverUrl: httpUrl
    .optional()
    .describe("base address of the homeserver's client API, such as https://matrix.example.org"),
  accessToken: secret("access token of a bot account"),
  encryption: z
    .strictObject({
      recoveryKey: secret("the bot account's recovery key; set, it takes part in encrypted rooms; default none"),
    })
    .prefault({}),
  appService: z
    .strictObject({
      token: secret("as_token of the application service's registration"),
      homeserverToken: secret("hs_token of the application service's registration"),
      senderLocalpart: z
        .string()
        .regex(/^[a-z0-9._=-]{1,64}$/, "must be 1-64 of a-z, 0-9, ., _, = and -")
        .default("parley")
        .describe("name of the application service's own account, before the colon; default parley"),
      puppetPrefix: z
        .string()
        .regex(/^[a-z0-9._=-]{1,64}$/, "must be 1-64 of a-z, 0-9, ., _, = and -")
        .default("parley_")
        .describe("what the names of agents' accounts begin with; default parley_"),
    })
    .prefault({}),
  inviters: z
    .array(
      z
        .string()
        .max(255)
        .regex(/^(?:\*|@[^\s:]+:\S+|[^\s@*]+)$/, "must be @user:server, a server, or *"),
    )
    .max(1_000)
    .optional()
    .describe("whose invitations are followed: @user:server, a server, or *; default the account's own server"),
  declineOthers: z
    .boolean({ error: "must be true or false" })
    .default(true)
    .describe("decline other invitations; false leaves them pending; default true"),
  trustedServers: z
    .array(z.string().min(1).max(255))
    .max(1_000)
    .default([])
    .describe("servers whose people are not external, besides the account's own; default none"),
  linkHosts: z
    .array(z.string().min(1).max(253))
    .max(1_000)
    .default([])
    .describe("hosts whose links stay clickable in replies, exact or *.example.org, * for all; default none"),
  command: z
    .string()
    .regex(/^![a-z0-9_-]{1,31}$/, "must be an exclamation mark and 1-31 of a-z, 0-9, - and _")
    .default("!parley")
    .describe("what commands begin with; default !parley"),
  showNames: z
    .boolean({ error: "must be true or false" })
    .default(true)
    .describe("posts of a bot account begin with the agent's name; default true"),
  pacing: z
    .enum(["on", "off"], { error: 'must be "on" or "off"' })
    .optional()
    .describe("keep to Synapse's limits for ordinary accounts; default on for bots, off for application services"),
});

const Models = z.strictObject({
  openai: z
    .strictObject({
      apiKey: secret("key of an OpenAI-compatible endpoint"),
      baseUrl: httpUrl.optional().describe("base address of an OpenAI-compatible endpoint; default OpenAI's own"),
      model: z.string().min(1).max(128).optional().describe("name of the model to ask"),
    })
    .prefault({}),
  anthropic: z
    .strictObject({
      apiKey: secret("Anthropic API key"),
      baseUrl: httpUrl.optional().describe("base address of the Anthropic API; default Anthropic's own"),
      model: z.string().min(1).max(128).optional().describe("name of the model to ask"),
    })
    .prefault({}),
});

const Pipeline = z.strictObject({
  turnBudget: whole(1, 1_000, 16, "most agent turns that one human message may cause"),
  maxHops: whole(0, 20, 4, "most agent-to-agent hops since a person last spoke"),
  pairTurnsPerMinute: whole(1, 1_000, 6, "most turns of one agent caused by one other within 60 s"),
  concurrentTurns: whole(
    1,
    10_000,
    512,
    "agent turns that one process runs at once; one agent gets at most a quarter of them",
  ),
  reconcileIntervalMs: whole(
    500,
    600_000,
    5_000,
    "pause between two looks for due work that no bell stands for, in ms",
  ),
  lateEffectMs: whole(
    0,
    600_000,
    15_000,
    "how long after a connection was lost in the midst of a write the platform may still carry it out, in ms; until then it is not written again",
  ),
});

/** An older event than this may still be delivered again (Slack's dead letters and replays), and its dedupe key goes with it. */
const LEAST_RETENTION_DAYS = 7;
const DEFAULT_RETENTION_DAYS = 90;
const retentionMessage = `must be 0, which keeps everything, or a whole number from ${LEAST_RETENTION_DAYS} to 36500`;

const days = z
  .int({ error: retentionMessage })
  .max(36_500, retentionMessage)
  .refine((given) => given === 0 || given >= LEAST_RETENTION_DAYS, retentionMessage);

const Retention = z.strictObject({
  days: days
    .default(DEFAULT_RETENTION_DAYS)
    .describe(
      `age in days from which finished work, its decisions and the messages of that time are removed from the ledger, 0 for never; default ${DEFAULT_RETENTION_DAYS}`,
    ),
  daysOf: z.record(z.string(), days).default({}).describe("the same for single organizations, by their ids"),
  auditDays: days
    .default(0)
    .describe("age in days from which the audit log is pruned at its front, 0 for never; default 0"),
  auditDaysOf: z.record(z.string(), days).default({}).describe("the same for single organizations, by their ids"),
});

const Limits = z.strictObject({
  bodyBytes: whole(1_024, 104_857_600, 1_048_576, "largest body of an API request, in bytes"),
  uploadBytes: whole(1_024, 1_073_741_824, 26_214_400, "largest file a person may upload in the web room, in bytes"),
  requestsPerMinute: whole(10, 1_000_000, 600, "API requests per minute and token, or address where there is no token"),
  headersTimeoutMs: whole(100, 120_000, 5_000, "time a client has to send its headers, in ms"),
  requestTimeoutMs: whole(1_000, 600_000, 60_000, "time a client has to send a whole request, in ms"),
  drainTimeoutMs: whole(0, 600_000, 25_000, "time that work under way has to end after SIGTERM, in ms"),
});

/** A further organization beside the one that the rest of the configuration is of; it shares nothing with it but the process. */
const Organization = z.strictObject({
  id: OrganizationId.describe("id; it stands in addresses, as in /slack/<id>/events"),
  name: z.string().min(1).max(80).optional().describe("what people call it; default its id"),
  slack: Slack.prefault({}),
  discord: Discord.prefault({}),
  matrix: Matrix.prefault({}),
  oidc: Oidc.prefault({}),
  agents: z.array(AgentDefinition).max(1_000).default([]).describe("its agents"),
  access: AccessConfig.prefault({}).describe("who may do what there"),
});
export type OrganizationValues = z.output<typeof Organization>;
export type OidcValues = z.output<typeof Oidc>;

/** Everything that can be set, in the one shape that file, environment and flags are merged into. */
export const ConfigSchema = z.strictObject({
  organizationId: OrganizationId.default("main").describe(
    "id of the organization this deployment serves; default main",
  ),
  dataFolder: z
    .string()
    .min(1)
    .default(DEFAULT_DATA_FOLDER)
    .describe(`folder for the ledger and the key file; default ${DEFAULT_DATA_FOLDER}`),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error", "silent"], {
      error: "must be one of trace, debug, info, warn, error, silent",
    })
    .default("info")
    .describe("least level that is logged: trace, debug, info, warn, error or silent; default info"),
  logFormat: z
    .enum(["auto", "json", "text"], { error: "must be one of auto, json, text" })
    .default("auto")
    .describe("form of the log: json, text, or auto for text on a terminal and json elsewhere; default auto"),
  roles: z
    .array(Role)
    .min(1, "must name at least one role")
    .default(["ingest", "worker", "delivery"])
    .describe("parts of the work this process does, of ingest, worker and delivery; default all"),
  secretKey: secret(
    "the deployment's own key, at least 128 bits; default a file in the data folder, made at the first start",
  ),
  previousSecretKey: secret("the key of before, while what it sealed is sealed anew; default none"),
  operatorToken: secret("bearer token of the API for operators; default a new one at each start, in the data folder"),
  databaseUrl: secret("postgres:// address of the ledger; default PGlite in the data folder"),
  redisUrl: secret("redis:// or rediss:// address of the queue; default the ledger's own database"),
  allowPrivateAgentAddresses: z
    .boolean({ error: "must be true or false" })
    .default(false)
    .describe("let webhook agents live on loopback and private addresses; default false"),
  allowPrivatePushAddresses: z
    .boolean({ error: "must be true or false" })
    .default(false)
    .describe("let A2A clients have notifications sent to loopback and private addresses; default false"),
  web: Web.prefault({}),
  slack: Slack.prefault({}),
  discord: Discord.prefault({}),
  matrix: Matrix.prefault({}),
  models: Models.prefault({}),
  agents: z.array(AgentDefinition).max(1_000).default([]).describe("the agents of this deployment"),
  organizations: z
    .array(Organization)
    .max(1_000)
    .default([])
    .describe("further organizations, each with its own platforms, agents and people; deploy/organizations.md"),
  access: AccessConfig.prefault({}).describe("who may do what, beside what platforms say; deploy/access.md"),
  pipeline: Pipeline.prefault({}),
  limits: Limits.prefault({}),
  retention: Retention.prefault({}),
});

/** What `parley.config.ts` may export. */
export type ConfigInput = z.input<typeof ConfigSchema>;
export type ConfigValues = z.output<typeof ConfigSchema>;
