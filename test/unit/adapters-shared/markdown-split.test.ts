import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitMarkdown } from "../../../adapters/shared/markdown-split.ts";
import {
  type MarkdownNode,
  markdownToPlainText,
  parseMarkdown,
  walkMarkdown,
} from "../../../adapters/shared/markdown-tree.ts";
import { cutPieces } from "../../../adapters/shared/text-cut.ts";
import { markdownLike } from "../rendering/hard-markdown.ts";

const MAX_CHARS = 300;
const words = (min: number, max: number) =>
  fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: min, maxLength: max }).map((list) => list.join(" "));
const link = words(1, 4).map((label) => `[${label}](https://x.example/${label.replaceAll(" ", "-")})`);
const sentence = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: words(1, 6) },
      link,
      words(1, 3).map((text) => `\`${text}\``),
      words(1, 3).map((text) => `**${text}**`),
    ),
    {
      minLength: 1,
      maxLength: 14,
    },
  )
  .map((runs) => runs.join(" "));
const list = (marker: (index: number) => string) =>
  fc
    .array(sentence, { minLength: 1, maxLength: 10 })
    .map((items) => items.map((item, index) => `${marker(index)}${item}`).join("\n"));
const blocks = {
  paragraph: sentence,
  heading: words(1, 8).map((text) => `## ${text}`),
  bullets: list(() => "- "),
  numbers: list((index) => `${index + 1}. `),
  loose: list(() => "- ").map((text) => text.replaceAll("\n", "\n\n")),
  nested: list((index) => (index % 3 === 0 ? "- " : "  - ")),
  quote: sentence.map((text) => `> ${text}`),
  code: fc.array(words(0, 8), { minLength: 1, maxLength: 40 }).map((lines) => `\`\`\`\n${lines.join("\n")}\n\`\`\``),
};
const document = fc
  .array(fc.oneof(...Object.values(blocks)), { minLength: 1, maxLength: 5 })
  .map((all) => all.join("\n\n"));

const plain = (markdown: string): string => markdownToPlainText(markdown).replace(/\s+/gu, "");
const count = (markdown: string, type: MarkdownNode["type"]): number => {
  let found = 0;
  walkMarkdown(parseMarkdown(markdown), (node) => {
    if (node.type === type) found += 1;
    return true;
  });
  return found;
};

describe("a long text", () => {
  test("is cut within the limit without losing a word, a link, a span of code or an emphasis", () => {
    fc.assert(
      fc.property(document, (source) => {
        const pieces = splitMarkdown(source, MAX_CHARS);
        expect(pieces.filter((piece) => piece.length > MAX_CHARS)).toEqual([]);
        expect(pieces.map(plain).join("")).toBe(plain(source));
        for (const type of ["link", "inlineCode", "strong"] as const)
          expect(pieces.reduce((sum, piece) => sum + count(piece, type), 0)).toBe(count(source, type));
      }),
      { numRuns: 60, seed: 61 },
    );
  });

  test("keeps each block what it is: code stays code, items stay items", () => {
    fc.assert(
      fc.property(document, (source) => {
        const pieces = splitMarkdown(source, MAX_CHARS);
        const textOf = (markdown: string, type: "code" | "listItem"): string => {
          let found = "";
          walkMarkdown(parseMarkdown(markdown), (node) => {
            if (node.type === type)
              found += `${plain(markdown.slice(node.position?.start.offset, node.position?.end.offset))}`;
            return node.type !== type;
          });
          return found;
        };
        expect(pieces.map((piece) => textOf(piece, "code")).join("")).toBe(textOf(source, "code"));
        expect(pieces.reduce((sum, piece) => sum + count(piece, "listItem"), 0)).toBe(count(source, "listItem"));
      }),
      { numRuns: 60, seed: 62 },
    );
  });

  test("of any make loses nothing but blanks and marks at the cuts, and cuts no character in two", () => {
    const letters = (text: string): string => text.replace(/[^a-z\u{1f642}é]/gu, "");
    // What is said again on purpose (info strings, heads of tables) would count twice.
    const source = markdownLike(900).map((text) => text.replace(/(`{3,}|~{3,})[^\n]*|\|/gu, "$1\n"));
    fc.assert(
      fc.property(source, fc.integer({ min: 60, max: 400 }), (markdown, maxChars) => {
        const pieces = splitMarkdown(markdown, maxChars);
        expect(pieces.filter((piece) => piece.length > maxChars || !piece.isWellFormed())).toEqual([]);
        expect(letters(pieces.join(""))).toBe(letters(markdown));
      }),
      { numRuns: 2_000, seed: 63 },
    );
  });

  test("reopens a fence with the same info string, and one that holds fences with a longer one", () => {
    const code = Array.from({ length: 60 }, (_, line) => `let line${line} = "x";`);
    const pieces = splitMarkdown(`\`\`\`ts title="a b"\n${code.join("\n")}\n\`\`\``, MAX_CHARS);
    expect(pieces.length).toBeGreaterThan(3);
    for (const piece of pieces) expect(piece).toMatch(/^```ts title="a b"\n[^`]*\n```$/u);
    expect(pieces.flatMap((piece) => piece.split("\n").slice(1, -1))).toEqual(code);
    const nested = splitMarkdown(`~~~~md\n${"```js\nlet a;\n```\n".repeat(40)}~~~~`, MAX_CHARS);
    for (const piece of nested) expect(parseMarkdown(piece).children.map(({ type }) => type)).toEqual(["code"]);
  });

  test("repeats the head of a table, and counts on in a list that says 1. 1. 1.", () => {
    const rows = Array.from({ length: 40 }, (_, row) => `| row ${row} | cell |`);
    const table = splitMarkdown(`| a | b |\n|:--|--:|\n${rows.join("\n")}`, MAX_CHARS);
    for (const piece of table) expect(piece.startsWith("| a | b |\n|:--|--:|\n| row")).toBe(true);
    expect(table.flatMap((piece) => piece.split("\n").slice(2))).toEqual(rows);
    const ones = splitMarkdown(
      Array.from({ length: 30 }, () => "1. some words here\n   - and more").join("\n"),
      MAX_CHARS,
    );
    const starts = ones.map((piece) => {
      const [first] = parseMarkdown(piece).children;
      return first?.type === "list" ? { start: first.start, items: first.children.length } : undefined;
    });
    let next = 1;
    for (const start of starts) {
      expect(start).toMatchObject({ start: next });
      next += start?.items ?? 0;
    }
    expect(ones.reduce((sum, piece) => sum + count(piece, "listItem"), 0)).toBe(60);
  });

  test("without a blank is cut between the characters that people see", () => {
    for (const sign of ["🙂", "👩‍👩‍👧", "🇩🇪", "e\u0301\u0302", "\r\n".trim() || "x"]) {
      const pieces = cutPieces(sign.repeat(200), 101);
      expect(pieces.join("")).toBe(sign.repeat(200));
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(101);
        expect(piece.length % sign.length).toBe(0);
      }
    }
    // A letter under thousands of marks is no character that anybody sees.
    expect(cutPieces(`a${"\u0301".repeat(5_000)}`, 1_000).every((piece) => piece.length <= 1_000)).toBe(true);
  });
});
