import fc from "fast-check";

const filled = (unit: string, chars: number): string =>
  unit.repeat(Math.ceil(Math.max(0, chars) / unit.length)).slice(0, Math.max(0, chars));
const after = (start: string, unit: string) => (chars: number) => start + filled(unit, chars - start.length);

/** Each a text of so many characters that parsers and splitters of Markdown find hard. */
export const HARD_MARKDOWN: Readonly<Record<string, (chars: number) => string>> = {
  "opening brackets": after("", "["),
  "closing brackets": after("", "]"),
  "image marks": after("", "!["),
  "open links": after("", "[a]("),
  "open links in parentheses": after("", "[ (]("),
  "links without blanks": after("", "[a](b)"),
  references: after("", "[a][b] "),
  definitions: after("", "[a]: b\n"),
  "open definition": after("[a]: ", "("),
  footnotes: after("", "[^a]: b\n"),
  stars: after("", "*"),
  "stars and words": after("", "*a "),
  "stars and underscores": after("", "*a_ "),
  "stars inside words": after("", "a**b"),
  tildes: after("", "~a "),
  backticks: after("", "`"),
  "open code spans": after("", "`a "),
  "growing runs of backticks": (chars) => {
    let text = "";
    for (let length = 1; text.length < chars; length++) text += `${"`".repeat(length)}a`;
    return text.slice(0, chars);
  },
  "quotes in quotes": after("", ">"),
  "quotes of one line": after("", "> a\n"),
  "quotes and lists in turn": after("", "- > "),
  "quotes of any depth": (chars) =>
    filled(Array.from({ length: 99 }, (_, depth) => `${">".repeat(depth)} a`).join("\n"), chars),
  "lists in lists on one line": after("", "- "),
  "numbers in numbers": after("", "1. "),
  "lists in lists by indentation": (chars) => {
    let text = "";
    for (let depth = 0; text.length < chars; depth++) text += `${"  ".repeat(depth)}- a\n`;
    return text.slice(0, chars);
  },
  "lists of some depth": (chars) =>
    filled(Array.from({ length: 40 }, (_, depth) => `${"  ".repeat(depth)}- a`).join("\n"), chars),
  "short items": after("", "- a\n"),
  "items apart": after("", "- a\n\n"),
  tasks: after("", "- [ ] a\n"),
  headings: after("", "# a\n"),
  "underlined headings": after("", "a\n=\n"),
  "hard breaks": after("", "a\\\n"),
  rules: after("", "---\n"),
  "an open fence": after("```\n", "text\n"),
  "an open fence of tildes": after("~~~\n", "[a](b) *c*\n"),
  "short fences": after("", "```\na\n"),
  "fences and words in turn": after("", "```\na\n```\n[a](b)\n"),
  "an open fence in a list": after("- ```\n", "[a](b) *c*\n"),
  "indented code": after("", "    a\n"),
  "a table of ten thousand cells": after("| a | b | c |\n|---|---|---|\n", "| 1 | 2 | 3 |\n"),
  "a table of many columns": (chars) =>
    `${filled("|a", chars / 2)}|\n${filled("|-", chars / 2 - 8)}|\n`.slice(0, chars),
  "pipes on lines": after("", "|\n"),
  "delimiter rows": after("", "|-|\n"),
  angles: after("", "<"),
  "open tags": after("", "<a href='"),
  comments: after("", "<!-- "),
  "HTML blocks": after("", "<div>\n"),
  "a fence in a comment": after("<!--\n```\n-->\n", "[a](b) *c* "),
  entities: after("", "&amp;"),
  backslashes: after("", "\\"),
  "bare addresses": after("", "https://a.b "),
  "bare names": after("", "www.a "),
  "an address of parentheses": after("https://a.b/", "("),
  "mail addresses": after("", "a@b.c "),
  "words and dots": after("", "a."),
  "one word": after("", "w"),
  "lines of words": after("", "lorem ipsum\n"),
  paragraphs: after("", "lorem ipsum\n\n"),
  "rich paragraphs": after("", "**a** `b` [c](d) <e> https://a.b\n\n"),
  "one rich paragraph": after("", "**a** `b` [c](d) <e> "),
  "blank lines": after("", "\n"),
  blanks: after("", " "),
  tabs: after("", "\t"),
  NUL: after("", "\u0000"),
  "signs of two units": after("", "\u{1f642}"),
  "lone surrogates": after("", "\ud83d"),
  "letters under many accents": after("", "a\u0301\u0302\u0303"),
};

const PIECES = [
  ["`", "``", "```", "````", "~~~", "```js\n", "\n```\n", "\n\n", "\n", "\n", " ", "  ", "    ", "\t", "> ", "- "],
  ["* ", "1. ", "2) ", "- [x] ", "# ", "### ", "---\n", "===\n", "| a | b |\n|---|---|\n| c | d |\n", "|", "\\", "&"],
  ["*", "**", "_", "~~", "[", "]", "(", ")", "![", "](", "[a]: ", "[^1]", "[^1]: ", "<", ">", "<div>", "<!--", "-->"],
  [
    "<pre>",
    "</pre>",
    "&lt;",
    "&#60;",
    "https://x.example/a",
    "www.x.example",
    "a@x.example",
    "\u{1f642}",
    "é",
    "\u0000",
  ],
].flat();

/** Texts of about so many characters in which Markdown of every kind stands in any order. */
export function markdownLike(chars: number): fc.Arbitrary<string> {
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  const piece = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...PIECES) }, { weight: 2, arbitrary: word });
  return fc.array(piece, { maxLength: Math.ceil(chars / 4) }).map((pieces) => pieces.join(""));
}
