import { withoutReferences } from "../shared/markdown-references.ts";
import { neutraliseMarkdown, WORD_JOINER } from "../shared/markdown-safety.ts";
import { splitMarkdown } from "../shared/markdown-split.ts";

/** All Markdown of one message together. https://docs.slack.dev/reference/block-kit/blocks/markdown-block */
export const MAX_MARKDOWN_CHARS = 12_000;
/** Where texts are cut; the rest of the room is for what making a piece safe again may add. */
const SPLIT_CHARS = 11_000;
/** `chat.update` refuses more than 4,000; escaping may make a text longer. */
const MAX_FALLBACK_CHARS = 3_000;

export interface MarkupOptions {
  /** User ids whose mentions may notify. */
  readonly mentionable: readonly string[];
  readonly linkHosts: readonly string[];
}

/** Markdown for a `markdown` block or a stream: it notifies only `mentionable` and links only to `linkHosts`. */
export function toSlackMarkdown(markdown: string, options: MarkupOptions): string {
  return neutraliseMarkdown(markdown, {
    linkHosts: options.linkHosts,
    keepSequence: (sequence) => sequence.startsWith("<@") && options.mentionable.includes(sequence.slice(2, -1)),
  });
}

/** Safe Markdown in pieces that each fit into one message; nothing but blanks between the pieces is lost. */
export function toSlackPieces(markdown: string, options: MarkupOptions): string[] {
  // Cut first: a piece is made safe as what it is, also where a cut went through a very long link or code span.
  return splitMarkdown(withoutReferences(markdown), SPLIT_CHARS).flatMap((piece) =>
    fitted(toSlackMarkdown(piece, options), options),
  );
}

/** Escaping may make a text several times as long; its pieces are made safe again, which changes little. */
function fitted(safe: string, options: MarkupOptions): string[] {
  if (safe.length <= MAX_MARKDOWN_CHARS) return [safe];
  return splitMarkdown(safe, SPLIT_CHARS).flatMap((piece) => {
    const again = toSlackMarkdown(piece, options);
    return again.length <= MAX_MARKDOWN_CHARS ? [again] : splitMarkdown(again, SPLIT_CHARS);
  });
}

/** Text that Slack shows as it is, in `text` and in mrkdwn: no mention, no link, no control sequence. */
export function escapeMrkdwn(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/:\/\//gu, `:${WORD_JOINER}//`)
    .replace(/@(?=(?:channel|here|everyone)\b)/giu, `@${WORD_JOINER}`);
}

/** The `text` of a message with blocks: what notifications and screen readers get. Never empty. */
export function toFallback(text: string): string {
  const words = text.trim() === "" ? "(no text)" : text;
  const short = words.length <= MAX_FALLBACK_CHARS ? words : `${cutSafely(words, MAX_FALLBACK_CHARS - 1)}…`;
  const escaped = escapeMrkdwn(short);
  // Every sign may become five; then half of it has to do.
  return escaped.length <= 4_000 ? escaped : toFallback(cutSafely(short, Math.floor(short.length / 2)));
}

/** Cuts at most `maxChars` code units, never through a surrogate pair. */
export function cutSafely(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}
