import { z } from "zod";
import { PlatformId } from "./ids.ts";

/** Longest text one block may carry, in UTF-16 code units; Slack truncates at 40,000, Matrix events end at 65 KB. */
export const MAX_BLOCK_TEXT_CHARS = 65_536;

/** Text without lone surrogates and NUL, which neither PostgreSQL nor JSON consumers accept. */
export const SafeText = safeText(MAX_BLOCK_TEXT_CHARS);

/** As `SafeText`, with another limit in UTF-16 code units. */
export function safeText(maxChars: number) {
  return z.string().max(maxChars).transform(toSafeText);
}

/** Guarantees well-formed Unicode without NUL: each lone surrogate and each NUL becomes U+FFFD. */
export function toSafeText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes("\u0000") ? wellFormed.replaceAll("\u0000", "\ufffd") : wellFormed;
}

/** Prose in Markdown (CommonMark with tables and strikethrough), whatever the platform's own markup was. */
export const TextBlock = z.object({ type: z.literal("text"), markdown: SafeText });

/** A mention at its place in the text; `target` says of what, `id` is the platform's id or the agent's handle. */
export const MentionBlock = z.object({
  type: z.literal("mention"),
  target: z.enum(["person", "agent", "everyone", "channel", "group"]),
  id: PlatformId.optional(),
  name: SafeText,
});

/** A file, picture or voice message; the bytes stay where they are until a turn asks for them. */
export const MediaBlock = z.object({
  type: z.literal("media"),
  mediaId: PlatformId,
  kind: z.enum(["image", "audio", "video", "voice", "file"]),
  name: SafeText,
  mediaType: safeText(255),
  sizeBytes: z.number().int().nonnegative().optional(),
});

/** Words of somebody else, quoted or forwarded: untrusted, and never a reason to read the place they came from. */
export const QuoteBlock = z.object({ type: z.literal("quote"), markdown: SafeText, sender: SafeText.optional() });

export const CodeBlock = z.object({ type: z.literal("code"), language: safeText(64).optional(), code: SafeText });

export const ContentBlock = z.discriminatedUnion("type", [TextBlock, MentionBlock, MediaBlock, QuoteBlock, CodeBlock]);
export type ContentBlock = z.infer<typeof ContentBlock>;

/** Guarantees one plain-text line of reading order for any content, for search, history and notifications. */
export function contentToText(content: readonly ContentBlock[]): string {
  return content.map(blockToText).filter(Boolean).join("");
}

function blockToText(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return block.markdown;
    case "mention":
      return block.target === "channel" ? `#${block.name}` : `@${block.name}`;
    case "media":
      return `[${block.kind}: ${block.name}]`;
    case "quote":
      return `> ${block.markdown}\n`;
    case "code":
      return `\n\`\`\`${block.language ?? ""}\n${block.code}\n\`\`\`\n`;
  }
}
