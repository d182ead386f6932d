import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tablesAsCode } from "../../../adapters/shared/markdown-table.ts";
import { markdownToPlainText, parseMarkdown } from "../../../adapters/shared/markdown-tree.ts";
import { displayWidth } from "../../../adapters/shared/text-width.ts";
import { markdownLike } from "../rendering/hard-markdown.ts";

describe("a table for a platform without tables", () => {
  test("is a code block with aligned columns", () => {
    const source = "Before:\n\n| Name | **Count** |\n|:--|--:|\n| ab | 1 |\n| 日本 | 1000 |\n| c\\|d | `x` |\n\nAfter.";
    expect(tablesAsCode(source)).toBe(
      "Before:\n\n```\nName | Count\n-----+------\nab   |     1\n日本 |  1000\nc|d  |     x\n```\n\nAfter.",
    );
  });

  test("stays inside its quote or list item, and is left alone in code", () => {
    const table = (prefix: string) => ["| a |", "|---|", "| b |"].join(`\n${prefix}`);
    expect(tablesAsCode(`> ${table("> ")}`)).toBe("> ```\n> a\n> -\n> b\n> ```");
    expect(tablesAsCode(`- x\n\n  ${table("  ")}`)).toBe("- x\n\n  ```\n  a\n  -\n  b\n  ```");
    expect(tablesAsCode(`\`\`\`\n${table("")}\n\`\`\``)).toBe(`\`\`\`\n${table("")}\n\`\`\``);
  });

  test("with a very long cell keeps its other columns narrow", () => {
    const long = "x".repeat(100);
    const [, , rule, row] = tablesAsCode(`| a | b |\n|---|---|\n| ${long} | c |`).split("\n");
    expect(rule).toBe(`${"-".repeat(40)}-+--`);
    expect(row).toBe(`${long} | c`);
  });

  test("is none any more, and loses no word, whatever stands around it", () => {
    const letters = (text: string): string => text.replace(/[\s|`+-]/gu, "");
    fc.assert(
      fc.property(markdownLike(200), (before) => {
        const source = `${before}\n\n| one | two |\n|---|---|\n| three | four |\n`;
        const shown = tablesAsCode(source);
        expect(parseMarkdown(shown).children.some(({ type }) => type === "table")).toBe(false);
        expect(letters(markdownToPlainText(shown))).toBe(letters(markdownToPlainText(source)));
      }),
      { numRuns: 1_000, seed: 51 },
    );
  });

  test("counts columns as people see them", () => {
    expect(["abc", "é", "日本", "👩‍👩‍👧", "e\u0301"].map(displayWidth)).toEqual([3, 1, 4, 2, 1]);
  });
});
