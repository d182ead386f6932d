import { z } from "zod";

/**
 * A non-empty key that every store and every JSON reader takes as it is: no control characters, no lone surrogates.
 *
 * Refused rather than cleaned, as two keys that differ only in what was cleaned away would become one.
 */
export function wireKey(maxChars: number) {
  return (
    z
      .string()
      .min(1)
      .max(maxChars)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
      .regex(/^[^\u0000-\u001f\u007f]+$/u, "must not contain control characters")
      .refine((key) => key.isWellFormed(), "must be well-formed Unicode")
  );
}

/** A non-empty opaque identifier; only the side that issued it may look inside. At most 512 characters. */
const opaqueId = wireKey(512);

export const OrganizationId = opaqueId.brand<"OrganizationId">();
export type OrganizationId = z.infer<typeof OrganizationId>;

export const InstallationId = opaqueId.brand<"InstallationId">();
export type InstallationId = z.infer<typeof InstallationId>;

export const ConversationId = opaqueId.brand<"ConversationId">();
export type ConversationId = z.infer<typeof ConversationId>;

export const AgentId = opaqueId.brand<"AgentId">();
export type AgentId = z.infer<typeof AgentId>;

export const TurnId = opaqueId.brand<"TurnId">();
export type TurnId = z.infer<typeof TurnId>;

export const EventId = opaqueId.brand<"EventId">();
export type EventId = z.infer<typeof EventId>;

/** An identifier issued by a platform (a Slack channel id, a Matrix event id); opaque to everything but its adapter. */
export const PlatformId = opaqueId;
export type PlatformId = z.infer<typeof PlatformId>;
