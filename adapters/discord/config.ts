import { z } from "zod";

/** Discord's own addresses. */
export const DEFAULT_API_URL = "https://discord.com/api/v10";
const DEFAULT_CDN_HOSTS = ["cdn.discordapp.com", "media.discordapp.net"];

const DAY_MS = 86_400_000;
const text = z.string().min(1).max(512);
const httpUrl = z.url({ protocol: /^https?$/ });

/** What the Discord adapter needs to run; the token never leaves it. */
export const DiscordConfig = z.strictObject({
  /** Organization of every guild the bot is in. */
  organizationId: text,
  botToken: text,
  /** False in processes that only deliver: no gateway session is opened. Default true. */
  receive: z.boolean().default(true),
  /** `all` reads every message and needs the privileged MESSAGE_CONTENT intent; `mentions` hears mentions, replies and direct messages alone. Default all. */
  messages: z.enum(["all", "mentions"]).default("all"),
  /** Hear of people who join, leave and change roles at once; needs the privileged GUILD_MEMBERS intent. Without it they are looked up, at most a minute old. Default false. */
  memberEvents: z.boolean().default(false),
  /** Base address of the REST API, with its version. Default Discord's. */
  apiUrl: httpUrl.default(DEFAULT_API_URL),
  /** Address of the gateway, instead of what `GET /gateway/bot` and READY say; for a proxy or a compatible server. Default: theirs. */
  gatewayUrl: z.url({ protocol: /^wss?$/ }).optional(),
  /** Hosts (with a port where it is none of the web's) from which files are fetched. Default Discord's CDN. */
  cdnHosts: z.array(text).min(1).max(20).default(DEFAULT_CDN_HOSTS),
  /** Gateway sessions that the guilds are spread over; `auto` takes Discord's advice. Default auto. */
  shardCount: z.union([z.literal("auto"), z.int().min(1).max(1_000)]).default("auto"),
  /** The shards of this process; absent: all that no other process holds. */
  shardIds: z.array(z.int().min(0).max(999)).min(1).max(1_000).optional(),
  /** Hosts (exact or `*.example.org`, `*` for all) whose links stay clickable in replies; others are shown as text. Default none. */
  linkHosts: z.array(text).max(1_000).default([]),
  /** Answers to a message in a channel open a thread under it. Default true. */
  answersInThread: z.boolean().default(true),
  /** The slash command of the app. Default parley. */
  command: z
    .string()
    .regex(/^[a-z0-9_-]{1,32}$/u)
    .default("parley"),
  /** How far back missed messages are read after a gap, in ms. Default 48 h. */
  backfillMaxAgeMs: z
    .int()
    .min(0)
    .max(30 * DAY_MS)
    .default(2 * DAY_MS),
  /** Most missed messages that are read per channel or thread; the newest of a longer gap's beginning are left out. Default 10 000. */
  backfillMaxMessages: z.int().min(0).max(100_000).default(10_000),
  /** Keep to a pace below Discord's limits before it names them; pauses that Discord names are always kept. Default true. */
  pacing: z.boolean().default(true),
  /** Longest time of one write, in ms; afterwards its outcome is unknown. Default 15 000. */
  callTimeoutMs: z.int().min(100).max(120_000).default(15_000),
  /** Key of the marks by which own messages are recognised after a lost answer. Default: the token. */
  deliverySecret: text.optional(),
  /** Age that the last attempt must have before its absence is believed, in ms. Default 2 000. */
  reconcileSettleMs: z.int().min(0).max(600_000).default(2_000),
});
export type DiscordConfig = z.infer<typeof DiscordConfig>;
/** As authors write it: everything with a default may be left out. */
export type DiscordAdapterConfig = z.input<typeof DiscordConfig>;
