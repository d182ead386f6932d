import { maskStretches, stretchesOf } from "./markdown-stretches.ts";
import { childrenOf, type MarkdownNode, parseMarkdown } from "./markdown-tree.ts";

/** Markdown that a platform cannot show as it is, each with the words for what stands there instead; absent means shown. */
export interface MarkdownGaps {
  readonly table?: string;
  /** Headings deeper than `levels` (0 to 6) look like something else. */
  readonly headings?: { readonly levels: number; readonly shownAs: string };
  /** Lists inside more than `levels` lists. */
  readonly nestedLists?: { readonly levels: number; readonly shownAs: string };
  /** Quotes inside quotes. */
  readonly nestedQuotes?: string;
  readonly image?: string;
  readonly html?: string;
  readonly footnote?: string;
  readonly taskList?: string;
  readonly rule?: string;
  /** What stands for a link to this address; undefined when it stays a link. */
  readonly link?: (url: string) => string | undefined;
}

interface MarkdownLoss {
  readonly what: string;
  readonly shownAs: string;
}

/** Names what of a Markdown text that `prepareReply` prepared is shown in another form, in reading order, each kind of thing once; pure. */
export function markdownLosses(markdown: string, gaps: MarkdownGaps): readonly MarkdownLoss[] {
  const losses = new Map<string, string>();
  const note = (what: string, shownAs: string | undefined): void => {
    if (shownAs !== undefined && !losses.has(what)) losses.set(what, shownAs);
  };
  const visit = (node: MarkdownNode, listDepth: number, quoted: boolean): void => {
    noteNode(node, listDepth, gaps, note);
    const depth = node.type === "list" ? listDepth + 1 : listDepth;
    if (node.type === "blockquote" && quoted) note("quote inside a quote", gaps.nestedQuotes);
    for (const child of childrenOf(node)) visit(child, depth, quoted || node.type === "blockquote");
  };
  const root = parseMarkdown(maskStretches(markdown, stretchesOf(markdown), ({ isFence }) => !isFence));
  visit(root, 0, false);
  return [...losses].map(([what, shownAs]) => ({ what, shownAs }));
}

function noteNode(
  node: MarkdownNode,
  listDepth: number,
  gaps: MarkdownGaps,
  note: (what: string, shownAs: string | undefined) => void,
): void {
  switch (node.type) {
    case "table":
      return note("table", gaps.table);
    case "heading":
      if (node.depth > (gaps.headings?.levels ?? 6)) note(`heading of level ${node.depth}`, gaps.headings?.shownAs);
      return undefined;
    case "list":
      if (listDepth > (gaps.nestedLists?.levels ?? Number.POSITIVE_INFINITY))
        note(`list inside ${listDepth} lists`, gaps.nestedLists?.shownAs);
      return undefined;
    case "listItem":
      if (typeof node.checked === "boolean") note("task list", gaps.taskList);
      return undefined;
    case "image":
      return note("image by its address", gaps.image);
    case "html":
      return note("HTML", gaps.html);
    case "footnoteReference":
    case "footnoteDefinition":
      return note("footnote", gaps.footnote);
    case "thematicBreak":
      return note("horizontal rule", gaps.rule);
    case "link":
      return note("link", gaps.link?.(node.url));
    default:
      return undefined;
  }
}
