import type { Element, ElementContent, Root, RootContent } from "hast";
import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import remarkRehype from "remark-rehype";
import { unified } from "unified";
import { withoutReferences } from "../shared/markdown-references.ts";
import { neutraliseMarkdown, WORD_JOINER } from "../shared/markdown-safety.ts";
import { splitMarkdown } from "../shared/markdown-split.ts";
import { parseMarkdown } from "../shared/markdown-tree.ts";

/** Where texts are cut: an event ends at 65,536 bytes, but what people read in one piece is far shorter. */
export const SPLIT_CHARS = 11_000;
/** Longest text of one message; what is put together of several pieces stays below it. */
export const MAX_TEXT_CHARS = 12_000;
/**
 * Most bytes of one message's content as JSON. An event may have 65,536; encryption adds a third, and the event's own envelope
 * some 3 KB. https://spec.matrix.org/v1.19/client-server-api/#size-limits
 */
export const MAX_CONTENT_BYTES = 42_000;
/** A piece is not cut smaller, whatever its bytes. */
const MIN_SPLIT_CHARS = 256;

export interface MarkupOptions {
  /** User ids whose mentions may notify. */
  readonly mentionable: readonly string[];
  readonly linkHosts: readonly string[];
}

/** A text as Matrix takes it: plain, as HTML, and whom it names. */
export interface MatrixText {
  readonly body: string;
  readonly html: string;
  readonly mentions: readonly string[];
}

/** What the specification lets clients show. https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes */
const SCHEMA = {
  tagNames:
    "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody tr th td caption pre span details summary".split(
      " ",
    ),
  attributes: { a: ["href"], ol: ["start"], code: [["className", /^language-[\w+#.-]{1,40}$/u]] },
  protocols: { href: ["http", "https", "mailto"] },
  clobber: [],
  strip: ["script", "style"],
} satisfies Parameters<typeof rehypeSanitize>[0];

const converter = unified().use(remarkRehype).freeze();
const sanitizer = unified().use(rehypeSanitize, SCHEMA).freeze();
const writer = unified()
  .use(rehypeStringify, { characterReferences: { useNamedReferences: true } })
  .freeze();

/** The full stop or hyphen behind it belongs to the sentence. */
const USER_ID = /@[A-Za-z0-9._=/+-]{1,200}:[A-Za-z0-9.-]{0,199}[A-Za-z0-9](?::\d{1,5})?/gu;
const ROOM_MENTION = /@(?=room\b)/giu;

/** Markdown as a Matrix text that notifies only `mentionable` and links only to `linkHosts`; nothing in it is a pill of anybody else. */
export function toMatrixText(markdown: string, options: MarkupOptions): MatrixText {
  const safe = neutraliseMarkdown(markdown, { linkHosts: options.linkHosts });
  const mentions = new Set<string>();
  const tree = converter.runSync(parseMarkdown(safe));
  prepare(tree, options.mentionable, mentions, false);
  return { body: plainOf(safe, options.mentionable), html: htmlOf(tree), mentions: [...mentions] };
}

/** Texts in pieces whose contents each fit into one event; nothing but blanks between the pieces is lost. */
export function toMatrixPieces(markdown: string, options: MarkupOptions, maxBytes = MAX_CONTENT_BYTES): MatrixText[] {
  return fitted(withoutReferences(markdown), SPLIT_CHARS, options, maxBytes);
}

function fitted(markdown: string, chars: number, options: MarkupOptions, maxBytes: number): MatrixText[] {
  return splitMarkdown(markdown, chars).flatMap((piece) => {
    const text = toMatrixText(piece, options);
    if (contentBytes(text) <= maxBytes || chars <= MIN_SPLIT_CHARS) return [text];
    return fitted(piece, Math.max(MIN_SPLIT_CHARS, Math.floor(Math.min(chars, piece.length) / 2)), options, maxBytes);
  });
}

/** Size of a text in an event, in bytes. */
export function contentBytes(text: MatrixText): number {
  return Buffer.byteLength(JSON.stringify(text), "utf8");
}

/** A short line of plain words as HTML. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Plain words in which nobody is named and nothing is a link. */
export function inertText(text: string): string {
  return text
    .replace(ROOM_MENTION, `@${WORD_JOINER}`)
    .replace(USER_ID, (userId) => `@${WORD_JOINER}${userId.slice(1)}`)
    .replace(/:\/\//gu, `:${WORD_JOINER}//`);
}

function plainOf(safe: string, mentionable: readonly string[]): string {
  const words = safe.replaceAll("&lt;", "<").replaceAll("&amp;", "&");
  return words
    .replace(ROOM_MENTION, `@${WORD_JOINER}`)
    .replace(USER_ID, (userId) => (mentionable.includes(userId) ? userId : `@${WORD_JOINER}${userId.slice(1)}`));
}

function htmlOf(tree: unknown): string {
  const clean: unknown = sanitizer.runSync(tree as Root); // what remark-rehype makes is a tree of HTML
  return writer.stringify(clean as Root).trim(); // and what rehype-sanitize makes of it too
}

/** Names people, makes user ids of others inert, and takes away what Matrix has no form for. */
function prepare(parent: unknown, mentionable: readonly string[], mentions: Set<string>, inCode: boolean): void {
  const node = parent as Root | Element; // called with roots and elements alone
  const children: ElementContent[] = [];
  for (const child of node.children as (RootContent | ElementContent)[]) {
    if (child.type === "text") children.push(...named(child.value, mentionable, mentions, inCode));
    else if (child.type === "element" && child.tagName === "input")
      children.push({ type: "text", value: child.properties["checked"] === true ? "☑" : "☐" });
    else if (child.type === "element") {
      prepare(child, mentionable, mentions, inCode || child.tagName === "code");
      if (child.tagName === "a" && !isPlainLink(child.properties["href"])) children.push(...child.children);
      else children.push(child);
    }
  }
  node.children = children;
}

/** Clients show links to `matrix.to` as pills of whom they name; within the room `#` leads nowhere. */
function isPlainLink(href: unknown): boolean {
  if (typeof href !== "string" || !URL.canParse(href)) return false;
  const { protocol, hostname } = new URL(href);
  return (protocol === "https:" || protocol === "http:" || protocol === "mailto:") && hostname !== "matrix.to";
}

function named(text: string, mentionable: readonly string[], mentions: Set<string>, inCode: boolean): ElementContent[] {
  const found: ElementContent[] = [];
  const words = (value: string): void => {
    if (value !== "")
      found.push({ type: "text", value: inCode ? value : value.replace(ROOM_MENTION, `@${WORD_JOINER}`) });
  };
  let from = 0;
  for (const match of inCode ? [] : text.matchAll(USER_ID)) {
    words(text.slice(from, match.index));
    from = match.index + match[0].length;
    const [userId] = match;
    if (mentionable.includes(userId)) {
      mentions.add(userId);
      const href = `https://matrix.to/#/${encodeURIComponent(userId)}`;
      found.push({ type: "element", tagName: "a", properties: { href }, children: [{ type: "text", value: userId }] });
    } else words(`@${WORD_JOINER}${userId.slice(1)}`);
  }
  words(text.slice(from));
  return found;
}
