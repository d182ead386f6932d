import { z } from "zod";
import { Secret } from "./secret.ts";

/** A setting that nobody may see; blank counts as a mistake, absent as not set. */
export const secret = (description: string) =>
  z
    .string()
    .trim()
    .min(1, "is blank")
    .transform((value) => new Secret(value))
    .optional()
    .describe(description);

/** Where a server is reached. */
export const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http or https address" }).max(2048);

/** A whole number with bounds and a default, both of which its description tells. */
export const whole = (least: number, most: number, standard: number, description: string) => {
  const message = `must be a whole number from ${least} to ${most}`;
  return z
    .int({ error: message })
    .min(least, message)
    .max(most, message)
    .default(standard)
    .describe(`${description}, ${least} to ${most}; default ${standard}`);
};
