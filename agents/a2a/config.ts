import { z } from "zod";
import { CallableUrl } from "../shared/callable-url.ts";

/** How long a task may be silent before it is put off to a push notification, where the agent sends them. */
export const DEFAULT_DEFER_AFTER_MS = 15_000;

const HeaderName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, "is no name of a header");
const HeaderValue = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[\x20-\x7e]+$/, "must be of printable ASCII characters");

/** An agent that speaks A2A, found by its card. */
export const A2aConfig = z.strictObject({
  kind: z.literal("a2a"),
  /** Where the agent is, or the address of its card. */
  url: CallableUrl,
  /** Sent as `Authorization: Bearer …`. */
  bearer: HeaderValue.optional(),
  /** Sent as `X-API-Key`, or under the name that `apiKeyHeader` says. */
  apiKey: HeaderValue.optional(),
  apiKeyHeader: HeaderName.default("X-API-Key"),
  /** Other headers of each call; secret as a whole. */
  headers: z.record(HeaderName, HeaderValue).optional(),
  /** Hosts beside that of `url` that the card may name and that get the credentials too, each as `host` or `host:port`. */
  trustedHosts: z.array(z.string().min(1).max(255)).max(10).default([]),
  /** Version of the protocol. Default: the newest that the card offers. */
  protocol: z.enum(["auto", "1.0", "0.3"]).default("auto"),
  /** Let the agent say by a notification when a long task is done, so that nobody waits meanwhile. Default: where the card offers it. */
  push: z.enum(["auto", "off"]).default("auto"),
  deferAfterMs: z.number().int().min(10).max(600_000).default(DEFAULT_DEFER_AFTER_MS),
  /** What was said before the question goes along as text. Default true. */
  transcript: z.boolean().default(true),
});
export type A2aConfig = z.infer<typeof A2aConfig>;
export type A2aConfigInput = z.input<typeof A2aConfig>;

/** The headers that show who calls; empty where the agent is open. */
export function credentialsOf(config: A2aConfig): Readonly<Record<string, string>> {
  return {
    ...config.headers,
    ...(config.bearer === undefined ? {} : { authorization: `Bearer ${config.bearer}` }),
    ...(config.apiKey === undefined ? {} : { [config.apiKeyHeader]: config.apiKey }),
  };
}
