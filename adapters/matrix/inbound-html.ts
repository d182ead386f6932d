import type { Element, ElementContent, Root as HastRoot, RootContent } from "hast";
import type { RootContent as MdastContent, Root as MdastRoot, Nodes } from "mdast";
import rehypeParse from "rehype-parse";
import rehypeRemark from "rehype-remark";
import remarkGfm from "remark-gfm";
import remarkStringify, { type Options } from "remark-stringify";
import { unified } from "unified";
import type { MessageContent } from "./inbound-content.ts";
import { asRoomId, asUserId } from "./matrix-ids.ts";

/** Elements inside elements beyond this are no message that a person wrote; Matrix recommends to stop at 100. */
const MAX_DEPTH = 100;
const MAX_NODES = 20_000;
/** Private-use signs around the number of a mention, and around what names nobody, while a text goes through Markdown; taken out of what comes in. */
const OPEN = "\ue000";
const CLOSE = "\ue001";
const OPEN_VERBATIM = "\ue002";
const CLOSE_VERBATIM = "\ue003";
const SENTINEL = /\ue000(\d{1,5})\ue001/gu;
const VERBATIM_SIGN = /([\ue002\ue003])/u;
const ANY_SENTINEL_SIGN = /[\ue000-\ue003]/gu;

const parser = unified().use(rehypeParse, { fragment: true }).freeze();
const converter = unified().use(rehypeRemark, { newlines: true }).freeze();
/**
 * Writes words as they were said. The stringifier's own handlers escape every sign that could be Markdown, which breaks addresses
 * and names for whoever reads them as text; on the other platforms nothing is escaped either.
 */
const handlers: NonNullable<Options["handlers"]> = {
  text: (node: Extract<Nodes, { type: "text" }>, _parent, state) =>
    state.stack.includes("tableCell") ? node.value.replaceAll("|", "\\|") : node.value,
  break: (_node, _parent, state) => (state.stack.includes("tableCell") ? " " : "\n"),
  emphasis: (node: Extract<Nodes, { type: "emphasis" }>, _parent, state, info) =>
    marked("*", state.containerPhrasing(node, info)),
  strong: (node: Extract<Nodes, { type: "strong" }>, _parent, state, info) =>
    marked("**", state.containerPhrasing(node, info)),
  delete: (node: Extract<Nodes, { type: "delete" }>, _parent, state, info) =>
    marked("~~", state.containerPhrasing(node, info)),
  link: (node: Extract<Nodes, { type: "link" }>, _parent, state, info) =>
    linked(state.containerPhrasing(node, info), node.url),
};
const writer = unified()
  .use(remarkGfm)
  .use(remarkStringify, { bullet: "-", fences: true, rule: "-", handlers })
  .freeze();

interface Mention {
  readonly kind: "account" | "channel";
  readonly id: string;
  readonly name: string;
}

/**
 * Reads `formatted_body` into Markdown blocks; what it quotes for clients without replies (`mx-reply`) is left out.
 *
 * False when the HTML is beyond reason; then nothing was added.
 */
export function readHtml(html: string, into: MessageContent): boolean {
  let markdown: MdastRoot;
  const mentions: Mention[] = [];
  try {
    const tree = parser.parse(html.replace(ANY_SENTINEL_SIGN, ""));
    if (!isReasonable(tree)) return false;
    prepare(tree, mentions);
    markdown = asMarkdown(converter.runSync(tree));
    setApart(markdown, 0, false);
  } catch {
    // A tree so deep that walking it overflows, or one that the converter does not take: the plain body says the same.
    return false;
  }
  const texts: string[] = [];
  try {
    for (const group of groupsOf(markdown)) texts.push(writer.stringify({ type: "root", children: group }).trim());
  } catch {
    return false;
  }
  let index = 0;
  for (const group of groupsOf(markdown)) {
    const [only] = group;
    const text = texts[index] ?? "";
    if (index > 0) into.prose("\n\n");
    index += 1;
    if (only?.type === "code") into.code(withNames(only.value, mentions), only.lang ?? undefined);
    else if (only?.type === "blockquote") into.quote(withNames(unquoted(text), mentions));
    else
      text.split(VERBATIM_SIGN).forEach((stretch, place, all) => {
        // split() with a group puts the signs at the odd places.
        if (place % 2 === 1) return;
        if (all[place - 1] === OPEN_VERBATIM) into.verbatim(withNames(stretch, mentions));
        else prose(stretch, mentions, into);
      });
  }
  return true;
}

/** Puts signs around what names nobody: code within a line, and code and quotes that do not stand by themselves. */
function setApart(parent: Nodes, depth: number, quoted: boolean): void {
  if (!("children" in parent)) return;
  const children = parent.children.map((child): Nodes => {
    if (child.type === "inlineCode") return { type: "text", value: verbatim(codeSpan(child.value)) };
    if (child.type === "text" && quoted) return { ...child, value: verbatim(child.value) };
    if (child.type === "code" && depth > 0) return { ...child, value: verbatim(child.value) };
    setApart(child, depth + 1, quoted || (child.type === "blockquote" && depth > 0));
    return child;
  });
  // Each child is what it was, or a text in the place of code within a line.
  parent.children = children as typeof parent.children;
}

function verbatim(text: string): string {
  return OPEN_VERBATIM + text + CLOSE_VERBATIM;
}

/** Code between more backticks than it holds in a row. */
function codeSpan(code: string): string {
  const oneLine = code.replace(/\s*\n\s*/gu, " ");
  const longest = Array.from(oneLine.matchAll(/`+/gu)).reduce((most, run) => Math.max(most, run[0].length), 0);
  const blank = oneLine.startsWith("`") || oneLine.endsWith("`") ? " " : "";
  const marks = "`".repeat(longest + 1);
  return marks + blank + oneLine + blank + marks;
}

/** Marks around words; blanks at the ends would undo them, and nothing to mark needs none. */
function marked(marks: string, inner: string): string {
  const words = inner.trim();
  if (words === "") return inner;
  const at = inner.indexOf(words);
  return inner.slice(0, at) + marks + words + marks + inner.slice(at + words.length);
}

/** An address that is its own label stays the address. */
function linked(label: string, url: string): string {
  const bare = url.replace(/^(?:mailto|tel):/u, "");
  if (label === "" || label === url || label === bare) return bare;
  return `[${label}](${url.replaceAll("(", "%28").replaceAll(")", "%29").replaceAll(" ", "%20")})`;
}

/** Neighbouring blocks of prose together; code and quotes by themselves. */
function groupsOf(root: MdastRoot): MdastContent[][] {
  const groups: MdastContent[][] = [];
  for (const block of root.children) {
    const alone = block.type === "code" || block.type === "blockquote";
    const open = groups.at(-1);
    const openType = open?.[0]?.type;
    if (open === undefined || alone || openType === "code" || openType === "blockquote") groups.push([block]);
    else open.push(block);
  }
  return groups;
}

function prose(text: string, mentions: readonly Mention[], into: MessageContent): void {
  let from = 0;
  for (const match of text.matchAll(SENTINEL)) {
    into.prose(text.slice(from, match.index));
    from = match.index + match[0].length;
    const mention = mentions[Number(match[1])];
    if (mention?.kind === "account") into.account(mention.id, mention.name);
    else if (mention !== undefined) into.channel(mention.id, mention.name);
  }
  into.prose(text.slice(from));
}

function withNames(text: string, mentions: readonly Mention[]): string {
  return text
    .replace(SENTINEL, (_all, index: string) => mentions[Number(index)]?.name ?? "")
    .replace(ANY_SENTINEL_SIGN, "");
}

function unquoted(text: string): string {
  return text.replace(/^> ?/gmu, "");
}

/** Counts without recursion: the tree may be deeper than the stack. */
function isReasonable(root: HastRoot): boolean {
  let level: readonly (RootContent | ElementContent)[] = root.children;
  let nodes = 0;
  for (let depth = 0; level.length > 0; depth++) {
    nodes += level.length;
    if (depth > MAX_DEPTH || nodes > MAX_NODES) return false;
    level = level.flatMap((node) => ("children" in node ? node.children : []));
  }
  return true;
}

/** Takes reply fall-backs out, shows spoilers and pictures as words, and puts a sign where somebody is named. */
function prepare(parent: HastRoot | Element, mentions: Mention[]): void {
  const kept: (RootContent | ElementContent)[] = [];
  for (const child of parent.children) {
    if (child.type === "element") {
      if (child.tagName === "mx-reply" || child.tagName === "script" || child.tagName === "style") continue;
      const mention = child.tagName === "a" ? mentionOf(child) : undefined;
      if (mention !== undefined) {
        kept.push({ type: "text", value: `${OPEN}${mentions.length}${CLOSE}` });
        mentions.push(mention);
        continue;
      }
      if (child.tagName === "img") {
        const alt = child.properties["alt"] ?? child.properties["title"];
        kept.push({ type: "text", value: typeof alt === "string" ? alt : "" });
        continue;
      }
      prepare(child, mentions);
    }
    kept.push(child);
  }
  // The children came from this very parent or are texts, which may stand anywhere.
  parent.children = kept as typeof parent.children;
}

const MATRIX_TO = /^https:\/\/matrix\.to\/#\/([^?/]+)(?:\?|$)/u;
const MATRIX_URI = /^matrix:(u|r|roomid)\/([^?/]+)(?:\?|$)/u;

/** A person or room that a link stands for: `https://matrix.to/#/@a:b` or `matrix:u/a:b`. */
function mentionOf(link: Element): Mention | undefined {
  const href = link.properties["href"];
  if (typeof href !== "string") return undefined;
  const target = decoded(MATRIX_TO.exec(href)?.[1]) ?? uriTarget(href);
  if (target === undefined) return undefined;
  const name = textOf(link).replace(/^@/u, "").slice(0, 256);
  const userId = asUserId(target);
  if (userId !== undefined) return { kind: "account", id: userId, name };
  if (asRoomId(target) !== undefined || /^#[^\s]{1,250}$/u.test(target)) return { kind: "channel", id: target, name };
  return undefined;
}

function uriTarget(href: string): string | undefined {
  const match = MATRIX_URI.exec(href);
  const rest = decoded(match?.[2]);
  if (match === null || rest === undefined) return undefined;
  return `${match[1] === "u" ? "@" : match[1] === "r" ? "#" : "!"}${rest}`;
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function textOf(element: Element): string {
  let text = "";
  for (const child of element.children) {
    if (child.type === "text") text += child.value;
    else if (child.type === "element") text += textOf(child);
  }
  return text;
}

function asMarkdown(tree: unknown): MdastRoot {
  const root = tree as MdastRoot; // what rehype-remark makes of a tree is a Markdown tree
  if (root.type !== "root") throw new TypeError("no Markdown tree");
  return root;
}
