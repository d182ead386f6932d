import { z } from "zod";
import { safeText } from "./content.ts";
import { ReplyPart } from "./reply.ts";

/** Token counts of one turn, as the model or agent reported them. */
export const Usage = z.object({
  inputTokens: z.number().int().nonnegative().optional(),
  outputTokens: z.number().int().nonnegative().optional(),
  reasoningTokens: z.number().int().nonnegative().optional(),
  /** Of the input, what came from the provider's cache. */
  cachedInputTokens: z.number().int().nonnegative().optional(),
  /** In millionths of a US dollar, where it is known. */
  costMicroUsd: z.number().int().nonnegative().optional(),
  model: safeText(128).optional(),
});
export type Usage = z.infer<typeof Usage>;

/**
 * What a connector yields while its agent works, in order.
 *
 * `text_delta` grows the open text part; `part` closes an open text part and appends a whole part; `done` ends the turn.
 * A stream that ends without `done` was cut off and is never shown as a complete answer.
 */
export const ReplyEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text_delta"), markdown: z.string().max(262_144) }),
  z.strictObject({ type: z.literal("part"), part: ReplyPart }),
  z.strictObject({
    type: z.literal("done"),
    stopReason: z.enum(["end", "limit", "refused", "cancelled", "failed"]).default("end"),
    usage: Usage.optional(),
  }),
]);
export type ReplyEvent = z.infer<typeof ReplyEvent>;
export type ReplyEventInput = z.input<typeof ReplyEvent>;
