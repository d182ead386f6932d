import { z } from "zod";
import { CallableUrl } from "../shared/callable-url.ts";
import { RetryConfig } from "./retry-schedule.ts";
import { isWebhookSecret } from "./signature.ts";

const WebhookSecret = z.string().refine(isWebhookSecret, "must be whsec_ followed by 24 to 64 bytes in base64");

/** An agent behind an HTTP address that takes signed turns (Standard Webhooks). */
export const WebhookConfig = z
  .strictObject({
    kind: z.literal("webhook"),
    url: CallableUrl,
    /**
     * What the address speaks: `standard` takes a signed turn and answers it; `n8n` is the chat of n8n; `callback` takes the turn and acknowledges it,
     * whatever it says, and the answer comes to `reply_url` (Zapier, Make). Default `standard`.
     */
    dialect: z.enum(["standard", "n8n", "callback"]).default("standard"),
    /** Sent as the header `Authorization`, for addresses that ask for it. */
    authorization: z
      .string()
      .regex(/^[\x21-\x7e][\x20-\x7e]{0,4095}$/, "must be printable characters")
      .optional(),
    /** Longest time in which the answer of a `callback` comes, in ms; never longer than the turn. Default: the turn's own time. */
    replyWithinMs: z.number().int().min(1_000).max(3_600_000).optional(),
    retry: RetryConfig.optional(),
    secret: WebhookSecret.optional(),
    /** During a rotation: every secret signs, so that the agent may know the old one or the new one. Newest first. */
    secrets: z.array(WebhookSecret).min(1).max(5).optional(),
    /** Longest time from the request to the first byte of the answer, in ms. Default: 30 s. Longer work answers 202. */
    firstByteTimeoutMs: z.number().int().min(500).max(600_000).optional(),
  })
  .refine((config) => config.dialect !== "standard" || secretsOf(config).length > 0, {
    path: ["secret"],
    message: "is missing: every request is signed, so set a secret (whsec_…) that the agent knows too",
  });
export type WebhookConfig = z.infer<typeof WebhookConfig>;
export type WebhookConfigInput = z.input<typeof WebhookConfig>;

/** Guarantees every secret of an agent, newest first, each once. */
export function secretsOf(config: {
  readonly secret?: string | undefined;
  readonly secrets?: readonly string[] | undefined;
}): readonly string[] {
  return [...new Set([...(config.secrets ?? []), ...(config.secret === undefined ? [] : [config.secret])])];
}
