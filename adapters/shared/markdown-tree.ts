import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";

const processor = unified().use(remarkParse).use(remarkGfm).freeze();

export type MarkdownRoot = ReturnType<typeof processor.parse>;
export type MarkdownNode = MarkdownRoot | MarkdownRoot["children"][number];

/** Parses CommonMark with tables, strikethrough and bare links; never throws, any text is Markdown. */
export function parseMarkdown(source: string): MarkdownRoot {
  return processor.parse(source);
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
  for (const block of parseMarkdown(source).children) lines.push(wordsOf(block));
  return lines.join("\n");
}

function wordsOf(node: MarkdownNode): string {
  if ("value" in node) return node.value;
  if (node.type === "image") return node.alt ?? "";
  if (node.type === "break") return "\n";
  const separator =
    node.type === "list" || node.type === "listItem" || node.type === "blockquote" || node.type === "table" ? "\n" : "";
  return childrenOf(node)
    .map(wordsOf)
    .join(node.type === "tableRow" ? " " : separator);
}
