import { childrenOf, type MarkdownNode } from "../shared/markdown-tree.ts";

const MAX_COLUMN_CHARS = 60;

/** A table as aligned text, for a block of code: Discord has no tables. `wordsOf` gives a cell's plain text. */
export function alignedTable(table: MarkdownNode, wordsOf: (cell: MarkdownNode) => string): string {
  const rows = childrenOf(table).map((row) =>
    childrenOf(row).map((cell) => wordsOf(cell).replace(/\s+/gu, " ").trim()),
  );
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) =>
    Math.min(MAX_COLUMN_CHARS, Math.max(1, ...rows.map((row) => width(row[at] ?? "")))),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((wide, at) => pad(cells[at] ?? "", wide))
      .join("  ")
      .trimEnd();
  const [head = [], ...body] = rows;
  return [line(head), widths.map((wide) => "─".repeat(wide)).join("  "), ...body.map(line)].join("\n");
}

/** How wide a text stands in a fixed-width font, nearly: wide scripts and pictures take two places. */
function width(text: string): number {
  let sum = 0;
  for (const sign of text)
    sum +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Extended_Pictographic}/u.test(
        sign,
      )
        ? 2
        : 1;
  return sum;
}

function pad(text: string, wide: number): string {
  return text + " ".repeat(Math.max(0, wide - width(text)));
}
