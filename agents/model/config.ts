import { z } from "zod";

/** Most steps (calls to the model) of one turn, unless the configuration says otherwise. */
export const DEFAULT_MAX_STEPS = 8;
/** Most tokens of one answer of the model. */
export const DEFAULT_MAX_OUTPUT_TOKENS = 4_096;
/** Most tokens, read and written, of one turn over all its steps; a further step is not begun beyond it. */
export const DEFAULT_MAX_TURN_TOKENS = 200_000;

/** When a tool call needs the consent of a person first: never, whenever it may change something, or always. */
const Approve = z.enum(["never", "writes", "always"]);
export type Approve = z.infer<typeof Approve>;

const serverBase = {
  /** Short name; its tools are called `name__tool`. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,23}$/, "must be 1-24 of a-z, 0-9 and -, beginning with a letter"),
  /** Names of the tools to offer, as the server names them. Default: all. */
  tools: z.array(z.string().min(1).max(128)).min(1).max(100).optional(),
  /** `writes` asks for every tool that the server does not call read-only. */
  approve: Approve.default("writes"),
};

const HttpServer = z.strictObject({
  ...serverBase,
  url: z.url({ protocol: /^https?$/ }).max(2048),
  /** Sent with every request to this server and to nobody else. */
  headers: z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/), z.string().max(8192)).default({}),
});
export type HttpServer = z.infer<typeof HttpServer>;

/** A program of this machine; only the configuration file may name one. */
const StdioServer = z.strictObject({
  ...serverBase,
  command: z.string().min(1).max(1024),
  args: z.array(z.string().max(4096)).max(64).default([]),
  /** All that it has beside PATH and HOME. */
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/), z.string().max(8192)).default({}),
});
export type StdioServer = z.infer<typeof StdioServer>;

const McpServer = z.union([HttpServer, StdioServer]);
export type McpServer = z.infer<typeof McpServer>;

/** What a million tokens cost, in US dollars. */
const Price = z.number().min(0).max(100_000);
const Prices = z.strictObject({
  inputPerMillionUsd: Price,
  outputPerMillionUsd: Price,
  /** Default: as other input. */
  cachedInputPerMillionUsd: Price.optional(),
});
export type Prices = z.infer<typeof Prices>;

/** An agent that is a language model: Parley is the loop around it, with its own tools and budgets. */
export const ModelConfig = z.strictObject({
  kind: z.literal("model"),
  provider: z.enum(["openai-compatible", "anthropic"]),
  /** Where the endpoint's paths begin, `https://host/v1`. Default: the provider's own. */
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .optional(),
  apiKey: z.string().min(1).max(4096).optional(),
  /** Name of the model. Default: the endpoint's only one, or a known one that it lists. */
  model: z.string().min(1).max(128).optional(),
  /** Who the agent is and how it answers; Parley's own rules about untrusted text come after it. */
  instructions: z.string().max(50_000).optional(),
  maxOutputTokens: z.number().int().min(1).max(200_000).default(DEFAULT_MAX_OUTPUT_TOKENS),
  maxSteps: z.number().int().min(1).max(50).default(DEFAULT_MAX_STEPS),
  /** Hand pictures of the conversation to the model. An endpoint that refuses them is asked again without. Default true. */
  images: z.boolean().default(true),
  maxTurnTokens: z.number().int().min(1_000).max(10_000_000).default(DEFAULT_MAX_TURN_TOKENS),
  /** `status` shows a line of what the model thinks while it does; it is no part of the answer in either case. */
  reasoning: z.enum(["hidden", "status"]).default("hidden"),
  /** Servers whose tools the model may call (Model Context Protocol); each is reached anew in every turn. */
  mcpServers: z
    .array(McpServer)
    .max(10)
    .refine((servers) => new Set(servers.map((server) => server.name)).size === servers.length, "two have one name")
    .default([]),
  /** Which of Parley's own tools need the consent of a person. */
  approve: Approve.default("never"),
  /** Makes the cost of a turn known, and budgets in dollars possible. */
  prices: Prices.optional(),
});
export type ModelConfig = z.infer<typeof ModelConfig>;
export type ModelConfigInput = z.input<typeof ModelConfig>;

/** Names the servers that are programs of this machine, for callers who may not start any. */
export function findPrograms({
  mcpServers,
}: ModelConfig): readonly { readonly path: string; readonly problem: string }[] {
  return mcpServers.flatMap((server, index) =>
    "command" in server
      ? [
          {
            path: `mcpServers.${index}.command`,
            problem: "a program can only be named in parley.config.ts; give a url",
          },
        ]
      : [],
  );
}
