import { fenced } from "./markdown-fence.ts";
import { maskStretches, stretchesOf } from "./markdown-stretches.ts";
import { hasRange, type MarkdownNode, parseMarkdown, plainWordsOf, rangeOf, walkMarkdown } from "./markdown-tree.ts";
import { displayWidth } from "./text-width.ts";

type Table = Extract<MarkdownNode, { type: "table" }>;

/** A longer cell does not widen its whole column; the rest of its row is pushed to the right. */
const MAX_COLUMN_WIDTH = 40;

/**
 * Replaces every table by a code block with aligned columns, for platforms without tables; the rest of the text stays as it is.
 *
 * No cell is cut; formatting inside cells is dropped, as code shows none. Give it bounded Markdown (`prepareReply`).
 */
export function tablesAsCode(markdown: string): string {
  if (!markdown.includes("|")) return markdown;
  const tables: Table[] = [];
  const prose = maskStretches(markdown, stretchesOf(markdown), ({ isFence }, text) => !isFence && text.includes("|"));
  walkMarkdown(parseMarkdown(prose), (node) => {
    if (node.type === "table" && hasRange(node)) tables.push(node);
    return node.type !== "table";
  });
  let result = "";
  let from = 0;
  for (const table of tables) {
    const { start, end } = rangeOf(table);
    const prefix = prefixOf(markdown, start);
    result += markdown.slice(from, start) + tableAsCode(table).replaceAll("\n", `\n${prefix}`);
    from = end;
  }
  return result + markdown.slice(from);
}

/** One table of the tree as a fenced code block with aligned columns. */
export function tableAsCode(table: Table): string {
  const rows = table.children.map((row) => row.children.map((cell) => plainWordsOf(cell).replace(/\s+/gu, " ").trim()));
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 1, Math.min(MAX_COLUMN_WIDTH, displayWidth(cell)));
    });
  const [head = [], ...body] = rows.map((row) => lineOf(row, widths, table.align ?? []));
  const rule = widths.map((width) => "-".repeat(width)).join("-+-");
  return fenced([head, rule, ...body].join("\n"), "");
}

function lineOf(row: readonly string[], widths: readonly number[], align: readonly (string | null)[]): string {
  const cells = widths.map((width, column) => padded(row[column] ?? "", width, align[column] ?? "left"));
  return cells.join(" | ").trimEnd();
}

function padded(cell: string, width: number, side: string): string {
  const room = Math.max(0, width - displayWidth(cell));
  if (side === "right") return " ".repeat(room) + cell;
  if (side === "center") return " ".repeat(Math.floor(room / 2)) + cell + " ".repeat(Math.ceil(room / 2));
  return cell + " ".repeat(room);
}

/** What lines inside quotes and list items begin with: quote marks stay, list markers become blanks. */
function prefixOf(source: string, offset: number): string {
  return source.slice(source.lastIndexOf("\n", offset - 1) + 1, offset).replace(/[^>\s]/gu, " ");
}
