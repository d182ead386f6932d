import { withoutReferences } from "../shared/markdown-references.ts";
import { splitMarkdown } from "../shared/markdown-split.ts";
import { tableAsCode } from "../shared/markdown-table.ts";
import { childrenOf, type MarkdownNode, parseMarkdown, walkMarkdown } from "../shared/markdown-tree.ts";
import { codeBlock, codeSpan, escapeText, linkText, type MarkupOptions } from "./markup-text.ts";

export type { MarkupOptions } from "./markup-text.ts";

/** Deeper than this nothing is told apart any more; hostile nesting ends here. */
const MAX_DEPTH = 60;
const RULE = "─────────────";

/**
 * Markdown in Discord's own dialect; pure, and total: any text can be shown.
 *
 * Everything is written anew from the tree, so that nothing of the author's signs mentions, links or loads anything that
 * `options` does not let through. https://support.discord.com/hc/en-us/articles/210298617
 */
export function toDiscordMarkdown(markdown: string, options: MarkupOptions): string {
  const root = parseMarkdown(withoutReferences(markdown));
  return new Writer(options).blocks(root, 0).trim();
}

/** Discord Markdown in pieces of at most `maxChars` UTF-16 code units; nothing but blanks between the pieces is lost. */
export function toDiscordPieces(markdown: string, options: MarkupOptions, maxChars: number): string[] {
  return piecesOf(withoutReferences(markdown), options, maxChars, Math.floor(maxChars * 0.95)).filter(
    (piece) => piece !== "",
  );
}

function piecesOf(markdown: string, options: MarkupOptions, maxChars: number, cutChars: number): string[] {
  return splitMarkdown(markdown, cutChars).flatMap((source) => {
    const piece = toDiscordMarkdown(source, options);
    if (piece.length <= maxChars) return [piece];
    // Escaping made it longer than its source: the source is cut shorter.
    if (cutChars > 40) return piecesOf(source, options, maxChars, Math.floor(cutChars / 2));
    return [cutSafely(piece, maxChars)];
  });
}

/** Cuts at most `maxChars` code units, never through a surrogate pair. */
export function cutSafely(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}

/** One line of plain words, escaped. */
export function plainLine(text: string, maxChars: number): string {
  const oneLine = text.replace(/\s*\n\s*/gu, " ").trim();
  const short = oneLine.length <= maxChars ? oneLine : `${cutSafely(oneLine, maxChars - 1)}…`;
  return escapeText(short, { mentionable: [], linkHosts: [] });
}

class Writer {
  readonly #options: MarkupOptions;
  /** Quotes around what is written now. */
  #quotes = 0;

  constructor(options: MarkupOptions) {
    this.#options = options;
  }

  blocks(parent: MarkdownNode, depth: number, glue = "\n\n"): string {
    return childrenOf(parent)
      .map((child) => this.#block(child, depth + 1))
      .filter((text) => text !== "")
      .join(glue);
  }

  #block(node: MarkdownNode, depth: number): string {
    if (depth > MAX_DEPTH) return escapeText(this.#words(node), this.#options);
    switch (node.type) {
      case "paragraph":
        return this.#inline(node, depth);
      case "heading": {
        const words = this.#inline(node, depth).replace(/\n+/gu, " ");
        return node.depth <= 3 ? `${"#".repeat(node.depth)} ${words}` : `**${words}**`;
      }
      case "code":
        return codeBlock(node.value, node.lang ?? "");
      case "blockquote":
        return this.#quote(node, depth);
      case "list":
        return this.#list(node, depth);
      case "table":
        // Its own fence may be longer than Discord reads.
        return codeBlock(tableAsCode(node).split("\n").slice(1, -1).join("\n"));
      case "thematicBreak":
        return RULE;
      case "footnoteDefinition":
        return `[${escapeText(node.identifier, this.#options)}]: ${this.blocks(node, depth)}`;
      case "html":
        return escapeText(node.value, this.#options);
      default:
        return this.#inlineNode(node, depth);
    }
  }

  /** Discord knows one level of quotes: the marks of others would be words. */
  #quote(quote: MarkdownNode, depth: number): string {
    this.#quotes += 1;
    const inner = this.blocks(quote, depth, "\n");
    this.#quotes -= 1;
    return this.#quotes > 0 ? inner : inner.replace(/^/gmu, "> ");
  }

  #list(list: Extract<MarkdownNode, { type: "list" }>, depth: number): string {
    return list.children
      .map((item, index) => {
        const marker = list.ordered === true ? `${(list.start ?? 1) + index}. ` : "- ";
        const box = typeof item.checked === "boolean" ? (item.checked ? "☑ " : "☐ ") : "";
        const lines = this.blocks(item, depth, "\n").split("\n");
        const indent = " ".repeat(marker.length);
        return lines.map((line, at) => (at === 0 ? marker + box + line : indent + line)).join("\n");
      })
      .join("\n");
  }

  #inline(parent: MarkdownNode, depth: number): string {
    return childrenOf(parent)
      .map((child) => this.#inlineNode(child, depth + 1))
      .join("");
  }

  #inlineNode(node: MarkdownNode, depth: number): string {
    if (depth > MAX_DEPTH) return escapeText(this.#words(node), this.#options);
    switch (node.type) {
      case "text":
      case "html":
        return escapeText(node.value, this.#options);
      case "strong":
        return wrapped("**", this.#inline(node, depth));
      case "emphasis":
        return wrapped("*", this.#inline(node, depth));
      case "delete":
        return wrapped("~~", this.#inline(node, depth));
      case "inlineCode":
        return codeSpan(node.value);
      case "break":
        return "\n";
      case "link":
        return linkText(this.#inline(node, depth), this.#words(node), node.url, this.#options);
      case "image":
        return described(node.alt ?? "", node.url, this.#options);
      case "footnoteReference":
        return `[${escapeText(node.identifier, this.#options)}]`;
      default:
        return this.#inline(node, depth);
    }
  }

  /** The words of a node without markup, not yet safe. */
  #words(node: MarkdownNode): string {
    if ("value" in node) return node.value;
    if (node.type === "image") return node.alt ?? "";
    if (node.type === "break") return " ";
    const words: string[] = [];
    walkMarkdown(node, (inner) => {
      if (inner !== node && "value" in inner) words.push(inner.value);
      return true;
    });
    return words.join("");
  }
}

/** Marks around words; blanks at the ends would undo them, and nothing to mark needs none. */
function wrapped(marks: string, inner: string): string {
  const words = inner.trim();
  if (words === "") return inner;
  const at = inner.indexOf(words);
  return inner.slice(0, at) + marks + words + marks + inner.slice(at + words.length);
}

function described(alt: string, url: string, options: MarkupOptions): string {
  const words = escapeText(alt, options);
  return url === "" ? words : linkText(words, alt, url, { ...options, linkHosts: [] });
}
