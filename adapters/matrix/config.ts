import { z } from "zod";

const text = z.string().min(1).max(512);
/** `@user:server`, a server, or `*`. */
const Who = z
  .string()
  .min(1)
  .max(255)
  .regex(/^(?:\*|@[^\s:]+:\S+|[^\s@*]+)$/u, "must be @user:server, a server, or *");

/** What the Matrix adapter needs to run; tokens and keys never leave it. */
export const MatrixConfig = z.strictObject({
  organizationId: text,
  /** Base address of the homeserver's client API. */
  homeserverUrl: z.url({ protocol: /^https?$/ }),
  /** False in processes that only deliver: nothing is synced. Routes are mounted by the caller or not. Default true. */
  receive: z.boolean().default(true),
  /** A bot account's token. */
  accessToken: text.optional(),
  /** Both tokens of an application service's registration. */
  appServiceToken: text.optional(),
  homeserverToken: text.optional(),
  /** Name of the application service's own account, before the colon. Default parley. */
  senderLocalpart: z
    .string()
    .regex(/^[a-z0-9._=-]{1,64}$/u)
    .default("parley"),
  /** What the names of agents' accounts begin with; the application service owns all of them. Default parley_. */
  puppetPrefix: z
    .string()
    .regex(/^[a-z0-9._=-]{1,64}$/u)
    .default("parley_"),
  /** The bot account takes part in encrypted rooms. Default false: such rooms are not read and not written to. */
  encryption: z.boolean().default(false),
  /** Opens the account's secret storage, or makes it, so that the bot's device is signed by its owner. Needed for encryption. */
  recoveryKey: text.optional(),
  /** What the device's keys are encrypted with in the ledger. Default the recovery key; set it to the old one when that changes. */
  storeKey: text.optional(),
  /** Whose invitations are followed. Default: everybody on the account's own server. */
  inviters: z.array(Who).max(1_000).optional(),
  /** Other invitations are declined; false leaves them pending. Default true. */
  declineOthers: z.boolean().default(true),
  /** Servers whose people count as the organization's own, besides the account's. Default none. */
  trustedServers: z.array(text).max(1_000).default([]),
  /** What commands begin with. Default !parley. */
  command: z
    .string()
    .regex(/^![a-z0-9_-]{1,31}$/u)
    .default("!parley"),
  /** Hosts (exact or `*.example.org`, `*` for all) whose links stay clickable in replies; others are shown as text. Default none. */
  linkHosts: z.array(text).max(1_000).default([]),
  /** Keep to what Synapse allows an ordinary account; pauses that the homeserver names are always kept. Default: for bots, not for application services. */
  pacing: z.boolean().optional(),
  /** Posts of a bot account begin with the agent's name. Default true. */
  showNames: z.boolean().default(true),
  /** Longest time of one write, in ms; afterwards its outcome is unknown. Default 10 000. */
  callTimeoutMs: z.int().min(100).max(120_000).default(10_000),
  /** How long the homeserver may hold a sync request open, in ms. Default 30 000. */
  pollTimeoutMs: z.int().min(0).max(120_000).default(30_000),
  /** Age that the last attempt must have before its absence is believed, in ms. Default 2 000. */
  reconcileSettleMs: z.int().min(0).max(600_000).default(2_000),
  /** Most events fetched to close a hole in one room's timeline. Default 10 000. */
  maxGapEvents: z.int().min(0).max(100_000).default(10_000),
});
export type MatrixConfig = z.infer<typeof MatrixConfig>;
/** As authors write it: everything with a default may be left out. */
export type MatrixAdapterConfig = z.input<typeof MatrixConfig>;
