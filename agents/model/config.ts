import { z } from "zod";

/** Most steps (calls to the model) of one turn, unless the configuration says otherwise. */
export const DEFAULT_MAX_STEPS = 8;
/** Most tokens of one answer of the model. */
export const DEFAULT_MAX_OUTPUT_TOKENS = 4_096;
/** Most tokens, read and written, of one turn over all its steps; a further step is not begun beyond it. */
export const DEFAULT_MAX_TURN_TOKENS = 200_000;

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
});
export type ModelConfig = z.infer<typeof ModelConfig>;
export type ModelConfigInput = z.input<typeof ModelConfig>;
