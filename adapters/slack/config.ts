import { z } from "zod";
import { DEFAULT_API_URL } from "./client.ts";

const DEFAULT_SOCKET_CONNECTIONS = 2;
const text = z.string().min(1).max(512);

/** What the Slack adapter needs to run; tokens and secrets never leave it. */
export const SlackConfig = z.strictObject({
  /** Organization of the workspace of `botToken`, and of workspaces that are connected by OAuth. */
  organizationId: text,
  /** How events arrive. */
  mode: z.enum(["http", "socket"]),
  /** False in processes that only deliver: no socket is opened. Routes are mounted by the caller or not. Default true. */
  receive: z.boolean().default(true),
  botToken: text.optional(),
  appToken: text.optional(),
  signingSecret: text.optional(),
  clientId: text.optional(),
  clientSecret: text.optional(),
  stateSecret: text.optional(),
  /** Base address of the Web API. Default Slack's commercial cloud. */
  apiUrl: z.url({ protocol: /^https?$/ }).default(DEFAULT_API_URL),
  /** Where people and Slack reach Parley; needed for installs by OAuth. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** What the addresses begin with that Slack and people reach this adapter by. Default `/slack`. */
  basePath: z
    .string()
    .regex(/^(?:\/[a-z0-9_-]+)+$/u)
    .default("/slack"),
  /** Slack's page that asks for consent. Default that of the commercial cloud. */
  authorizeUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Workspace and enterprise ids that may install by OAuth. Default: any. */
  allowedTeams: z.array(text).max(1_000).default([]),
  /** Hosts (exact or `*.example.org`, `*` for all) whose links stay clickable in replies; others are shown as text. Default none. */
  linkHosts: z.array(text).max(1_000).default([]),
  /** Keep to Slack's published write rates; pauses that Slack names are always kept. Default true. */
  pacing: z.boolean().default(true),
  /** Sockets in Socket Mode, 1 to 5; with one, events wait during each refresh. Default 2. */
  socketConnections: z.int().min(1).max(5).default(DEFAULT_SOCKET_CONNECTIONS),
  /** Longest time of one write, in ms; afterwards its outcome is unknown. Default 10 000. */
  callTimeoutMs: z.int().min(100).max(120_000).default(10_000),
  /** The slash command of the app. Default /parley. */
  command: z
    .string()
    .regex(/^\/[a-z0-9_-]{1,31}$/u)
    .default("/parley"),
  /** Key of the marks by which own messages are recognised after a lost answer. Default: the signing secret, else a token. */
  deliverySecret: text.optional(),
  /** How long events are held so that ones Slack delivers late still come in order, in ms; every answer comes that much later. Default 0. */
  orderingHoldMs: z.int().min(0).max(60_000).default(0),
  /** How far back missed messages are read, in ms. Default two days. */
  backfillMaxAgeMs: z.int().min(0).max(2_592_000_000).default(172_800_000),
  /** Most missed messages that are read per channel. Default 10 000. */
  backfillMaxMessages: z.int().min(1).max(100_000).default(10_000),
  /** After a crash over HTTP, an absence up to this long is left to Slack's retries, in ms. Default 20 000. */
  catchUpAfterMs: z.int().min(0).max(240_000).default(20_000),
  /** Age that the last attempt must have before its absence is believed, in ms. Default 2 000. */
  reconcileSettleMs: z.int().min(0).max(600_000).default(2_000),
});
export type SlackConfig = z.infer<typeof SlackConfig>;
/** As authors write it: everything with a default may be left out. */
export type SlackAdapterConfig = z.input<typeof SlackConfig>;

export interface EnvironmentVariable {
  readonly name: string;
  readonly key: keyof SlackConfig;
  readonly secret: boolean;
  readonly description: string;
}

/** The schema and the environment variables of this adapter, as data. */
export const slackConfigFragment = {
  platform: "slack",
  schema: SlackConfig,
  environment: [
    { name: "SLACK_BOT_TOKEN", key: "botToken", secret: true, description: "Bot token of one workspace (xoxb-...)" },
    {
      name: "SLACK_APP_TOKEN",
      key: "appToken",
      secret: true,
      description: "App-level token for Socket Mode (xapp-...)",
    },
    {
      name: "SLACK_SIGNING_SECRET",
      key: "signingSecret",
      secret: true,
      description: "Signing secret of the app, for events over HTTP",
    },
    {
      name: "SLACK_CLIENT_ID",
      key: "clientId",
      secret: false,
      description: "Client id of the app, for installs by OAuth",
    },
    {
      name: "SLACK_CLIENT_SECRET",
      key: "clientSecret",
      secret: true,
      description: "Client secret of the app, for installs by OAuth",
    },
    { name: "SLACK_STATE_SECRET", key: "stateSecret", secret: true, description: "Key that seals the OAuth state" },
    {
      name: "SLACK_API_URL",
      key: "apiUrl",
      secret: false,
      description: "Base address of the Web API (GovSlack, a proxy, a local stand-in)",
    },
    { name: "SLACK_MODE", key: "mode", secret: false, description: "How events arrive: http or socket" },
    {
      name: "SLACK_ORDERING_HOLD_MS",
      key: "orderingHoldMs",
      secret: false,
      description: "How long events wait for earlier ones that Slack delivers late, in ms",
    },
    {
      name: "SLACK_PACING",
      key: "pacing",
      secret: false,
      description: "off writes as fast as it can, for tests against a stand-in only",
    },
  ] satisfies readonly EnvironmentVariable[],
} as const;
