import { z } from "zod";

/** How an agent is reached. `kind` picks the connector; the rest is validated by that connector's own schema. */
export const ConnectorConfig = z.looseObject({ kind: z.string().min(1).max(32) });
export type ConnectorConfig = z.infer<typeof ConnectorConfig>;

/** What happens to a message that arrives while the agent works on another in the same conversation. */
export const TurnMode = z.enum(["queue", "interrupt", "steer"]);
export type TurnMode = z.infer<typeof TurnMode>;

/** Lets an agent hear messages that do not name it: `pattern` is a case-insensitive regular expression without back-references. */
export const Subscription = z.strictObject({
  pattern: z.string().min(1).max(200),
  channels: z.array(z.string().min(1).max(128)).max(50).default(["*"]),
});

const ReviewRoom = z
  .string()
  .max(160)
  .regex(/^[a-z]+:[^\s]{1,128}$/, "must be platform:channel, such as slack:C0123456789 or slack:agent-review");

/** What may be spent in one day (UTC); a limit that is not given is none. */
export const Budget = z.strictObject({
  turnsPerDay: z.number().int().min(1).max(1_000_000).optional(),
  tokensPerDay: z.number().int().min(1).max(10_000_000_000).optional(),
  usdPerDay: z.number().min(0.01).max(1_000_000).optional(),
});
export type Budget = z.infer<typeof Budget>;

/** Limits of all that an agent does, of what it does for each person, and in each channel. */
const Budgets = z.strictObject({
  agent: Budget.default({}),
  person: Budget.default({}),
  channel: Budget.default({}),
});

export const DEFAULT_TURN_TIMEOUT_MS = 120_000;
export const DEFAULT_IDLE_TIMEOUT_MS = 30_000;

/** A registered agent as authors declare it: in `parley.config.ts`, by `POST /api/agents` or by `parley agents add`. */
export const AgentDefinition = z.strictObject({
  handle: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, "must be 1-32 of a-z, 0-9, - and _, beginning with a letter"),
  name: z.string().min(1).max(80),
  description: z.string().max(500).default(""),
  avatarUrl: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .optional(),
  owner: z.string().max(128).optional(),
  connector: ConnectorConfig,
  turnMode: TurnMode.default("queue"),
  /** Name patterns (`*` matches anything) of the channels the agent is a member of wherever the installation is. Default: all. */
  channels: z.array(z.string().min(1).max(128)).max(100).default(["*"]),
  subscriptions: z.array(Subscription).max(20).default([]),
  /** Longest time of one turn, in ms; 1 s to 1 h. */
  turnTimeoutMs: z.number().int().min(1_000).max(3_600_000).default(DEFAULT_TURN_TIMEOUT_MS),
  /** Longest silence within a turn, in ms. */
  idleTimeoutMs: z.number().int().min(500).max(3_600_000).default(DEFAULT_IDLE_TIMEOUT_MS),
  /** Answer in a thread under the question (true) or in the channel itself (false). Default: as the platform's people do. */
  replyInThread: z.boolean().optional(),
  /**
   * In shadow the agent hears what it hears, and says what it would say in this channel of the same installation alone. Default: not in shadow.
   *
   * Written `platform:channel`, with the channel's id or name. All who read the review room must be able to read where the agent was asked.
   */
  shadow: z.strictObject({ reviewRoom: ReviewRoom }).optional(),
  /** Messages of history a turn is given, 0 to 200. */
  historyMessages: z.number().int().min(0).max(200).default(30),
  /** Names of the tools its turns may use; `*` stands for all. */
  tools: z.array(z.string().min(1).max(64)).max(50).default(["*"]),
  /** What it writes as `⟦⟦ NAME {json} ⟧⟧` is carried out and not posted. Default: of agents that cannot call tools otherwise. */
  bracketCommands: z.boolean().optional(),
  /** It may speak without being asked: by schedule, task or event. */
  speaksFirst: z.boolean().default(false),
  /** What happens in its channels that gives it a turn by itself, if it may speak first. Default: nothing. */
  on: z
    .array(z.enum(["member_joined", "channel_created", "reaction_added"]))
    .max(3)
    .optional(),
  /** Whether its work shows as reactions on the question (at work, done, failed): where it takes longer than 5 s, always, or never. */
  workReactions: z.enum(["long", "always", "never"]).default("long"),
  /** What it may spend; what is over is not begun, and people are told. */
  budgets: Budgets.optional(),
});
export type AgentDefinition = z.infer<typeof AgentDefinition>;
export type AgentDefinitionInput = z.input<typeof AgentDefinition>;
