import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";
import { markdownCostUs } from "./markdown-stretches.ts";

const processor = unified().use(remarkParse).use(remarkGfm).freeze();

export type MarkdownRoot = ReturnType<typeof processor.parse>;
export type MarkdownNode = MarkdownRoot | MarkdownRoot["children"][number];

/** Estimated time beyond which a text is not parsed, in microseconds; `boundMarkdown` keeps well below it. */
const MAX_PARSE_US = 500_000;

/**
 * Parses CommonMark with tables, strikethrough, footnotes and bare links; never throws, any text is Markdown.
 *
 * A text that would block the process for long (see `boundMarkdown`, which saves what can be saved of it) is one code block.
 */
export function parseMarkdown(source: string): MarkdownRoot {
  if (source.length > UNCHECKED_CHARS && markdownCostUs(source) > MAX_PARSE_US) return asCode(source);
  return processor.parse(source);
}

/** Whatever a text of this length is, it is parsed in milliseconds. */
const UNCHECKED_CHARS = 256;

function asCode(source: string): MarkdownRoot {
  const lines = source.split("\n");
  const position = {
    start: { line: 1, column: 1, offset: 0 },
    end: { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1, offset: source.length },
  };
  return { type: "root", position, children: [{ type: "code", value: source, position }] };
}

/** The children of any node, empty for leaves. */
export function childrenOf(node: MarkdownNode): readonly MarkdownNode[] {
  return "children" in node ? node.children : [];
}

/** Where the node stands in its source, as UTF-16 offsets; check `hasRange` first. */
export function rangeOf(node: MarkdownNode): { readonly start: number; readonly end: number } {
  return { start: node.position?.start.offset ?? 0, end: node.position?.end.offset ?? 0 };
}

/** False for what remark-gfm makes of some bare links after parsing: such nodes do not say where they came from. */
export function hasRange(node: MarkdownNode): boolean {
  return node.position?.start.offset !== undefined && node.position.end.offset !== undefined;
}

/** Calls `visit` for each node, parents first; when it returns false, the node's children are left out. */
export function walkMarkdown(node: MarkdownNode, visit: (node: MarkdownNode) => boolean): void {
  if (!visit(node)) return;
  for (const child of childrenOf(node)) walkMarkdown(child, visit);
}

/** The words of a Markdown text without its markup, blocks parted by line breaks. */
export function markdownToPlainText(source: string): string {
  const lines: string[] = [];
  for (const block of parseMarkdown(source).children) lines.push(plainWordsOf(block));
  return lines.join("\n");
}

/** The words of a node without its markup. */
export function plainWordsOf(node: MarkdownNode): string {
  if ("value" in node) return node.value;
  if (node.type === "image") return node.alt ?? "";
  if (node.type === "break") return "\n";
  const separator =
    node.type === "list" || node.type === "listItem" || node.type === "blockquote" || node.type === "table" ? "\n" : "";
  return childrenOf(node)
    .map(plainWordsOf)
    .join(node.type === "tableRow" ? " " : separator);
}
