import rehypeParse from "rehype-parse";
import { unified } from "unified";

interface Node {
  readonly type: string;
  readonly value?: string;
  readonly tagName?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly children?: readonly Node[];
}

const BLOCKS = new Set([
  "p",
  "div",
  "li",
  "ul",
  "ol",
  "pre",
  "blockquote",
  "tr",
  "table",
  "details",
  "summary",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
]);

/** What people read of a message's HTML, with the signs that clients draw for lists. */
export function readableText(html: string): string {
  return textOf(unified().use(rehypeParse, { fragment: true }).parse(html), undefined).trim();
}

function textOf(node: Node, parent: Node | undefined, asWritten = false): string {
  // Line ends between blocks are how the HTML is written, and nothing that is shown.
  if (node.type === "text")
    return !asWritten && node.value?.trim() === "" ? node.value.replaceAll("\n", "") : (node.value ?? "");
  const inner = (node.children ?? []).map((child) => textOf(child, node, asWritten || node.tagName === "pre")).join("");
  switch (node.tagName) {
    case "br":
    case "hr":
      return "\n";
    case "img":
      return typeof node.properties?.["alt"] === "string" ? node.properties["alt"] : "";
    case "li":
      return `\n${markOf(node, parent)} ${inner}`;
    default:
      return node.tagName !== undefined && BLOCKS.has(node.tagName) ? `\n${inner}\n` : inner;
  }
}

function markOf(item: Node, list: Node | undefined): string {
  if (list?.tagName !== "ol") return "-";
  const first = Number(list.properties?.["start"] ?? 1);
  return `${first + (list.children ?? []).filter((child) => child.tagName === "li").indexOf(item)}.`;
}
