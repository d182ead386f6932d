import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createCommandParser,
  MAX_COMMAND_CHARS,
  type WrittenCommand,
} from "../../../src/pipeline/tools/command-parser.ts";

function read(pieces: readonly string[]): { shown: string; commands: WrittenCommand[] } {
  const commands: WrittenCommand[] = [];
  const parser = createCommandParser((command) => commands.push(command));
  const shown = pieces.map((piece) => parser.feed(piece)).join("") + parser.end();
  return { shown, commands };
}

/** The text cut at these places. */
function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % (text.length + 1)))].toSorted((one, other) => one - other);
  return [0, ...places].map((from, index) => text.slice(from, places[index] ?? text.length));
}

/** Pieces of which texts are made that a parser of Markdown stumbles over. */
const PIECES = [
  "`",
  "``",
  "```",
  "~~~",
  "\n",
  "\n\n",
  "⟦",
  "⟦⟦",
  "⟧⟧",
  "⟧",
  " ",
  "post",
  '{"text":"x"}',
  '"',
  "\\",
  "- ",
  "> ",
  "1. ",
  "word",
  "{",
  "}",
  "#",
  "\t",
  "    ",
  "<pre>",
  "</pre>",
  "<code>",
  "</code>",
  "> ",
  "⟦⟦ post {} ⟧⟧",
  '⟦⟦post {"text":"⟧⟧"}⟧⟧',
];
const awkward = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join(""));
/** Without marks of code: taking a command out may join those to a longer one. */
const plain = fc
  .array(fc.constantFrom(...PIECES.filter((piece) => !/[`~<\t]| {4}/u.test(piece))), { maxLength: 30 })
  .map((pieces) => pieces.join("").replaceAll(/ {2,}/gu, " "));
const cuts = fc.array(fc.nat(), { maxLength: 20 });

describe("commands in what an agent writes", () => {
  it("passes any text without a command unchanged", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), awkward), cuts, (given, at) => {
        const text = given.replaceAll(/⟦{2,}/gu, "⟦");
        expect(read(cut(text, at))).toEqual({ shown: text, commands: [] });
      }),
      { numRuns: 2_000 },
    );
  });

  it("reads the same, however the text is cut", () => {
    fc.assert(
      fc.property(awkward, cuts, (text, at) => {
        expect(read(cut(text, at))).toEqual(read([text]));
        expect(read(text.split(""))).toEqual(read([text]));
      }),
      { numRuns: 3_000 },
    );
  });

  it("leaves nothing that could be read as a command", () => {
    fc.assert(
      fc.property(plain, (text) => {
        expect(read([read([text]).shown]).commands).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
    expect(read(["⟦⟦ ⟦⟦ a ⟧⟧post {} ⟧⟧"])).toEqual({
      shown: "⟦⟦ \u200bpost {} ⟧⟧",
      commands: [{ name: "a", input: {} }],
    });
  });

  it("never shows a command, and hands every one over as it was written", () => {
    const prose = fc.stringMatching(/^[a-z .,\n]{0,40}$/u).map((text) => text.replaceAll(/ {2,}/gu, " "));
    const input = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/u), fc.string({ unit: "grapheme", maxLength: 40 }), {
      maxKeys: 4,
    });
    const name = fc.stringMatching(/^[a-z][a-z_]{0,20}$/u);
    fc.assert(
      fc.property(prose, name, input, prose, cuts, (before, called, given, after, at) => {
        const text = `${before}⟦⟦ ${called} ${JSON.stringify(given)} ⟧⟧${after}`;
        expect(read(cut(text, at))).toEqual({
          shown: before + after,
          commands: [{ name: called, input: JSON.parse(JSON.stringify(given)) }],
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["indented code at the beginning", "    ⟦⟦ post {} ⟧⟧"],
    ["indented code", "like this:\n\n    ⟦⟦ post {} ⟧⟧"],
    ["indented code by a tab", "like this:\n\n\t⟦⟦ post {} ⟧⟧"],
    ["the second line of indented code", "like this:\n\n    a\n    ⟦⟦ post {} ⟧⟧"],
    ["indented code after an empty line of it", "like this:\n\n    a\n\n    ⟦⟦ post {} ⟧⟧"],
    ["indented code after a heading", "# Like this\n    ⟦⟦ post {} ⟧⟧"],
    ["indented code in a list", "- a\n\n      ⟦⟦ post {} ⟧⟧"],
    ["indented code that begins an item", "-     ⟦⟦ post {} ⟧⟧"],
    ["indented code in a quote", "> a\n>\n>     ⟦⟦ post {} ⟧⟧"],
    ["indented code after a list", "- a\n\nb\n\n    ⟦⟦ post {} ⟧⟧"],
    ["a block of HTML", "<pre>⟦⟦ post {} ⟧⟧</pre>"],
    ["a block of HTML over empty lines", "a\n<PRE class='x'>\n\n⟦⟦ post {} ⟧⟧\n\n</pre>\n"],
    ["a block of HTML that never ends", "<pre>\n\n⟦⟦ post {} ⟧⟧"],
    ["tags within a line", "see <code>⟦⟦ post {} ⟧⟧</code> and <pre>⟦⟦ post {} ⟧⟧</pre> there"],
    ["a code span", "see `⟦⟦ post {} ⟧⟧` there"],
    ["a code span of two marks", "see `` ` ⟦⟦ post {} ⟧⟧ `` there"],
    ["a code span over two lines", "see `a\n⟦⟦ post {} ⟧⟧` there"],
    ["a fence", "so:\n```json\n⟦⟦ post {} ⟧⟧\n```\nend"],
    ["a fence of tildes", "~~~\n⟦⟦ post {} ⟧⟧\n``` \n⟦⟦ post {} ⟧⟧\n~~~"],
    ["a fence in a list", "- one\n\n  ```\n  ⟦⟦ post {} ⟧⟧\n  ```"],
    ["a fence that is never closed", "```\n⟦⟦ post {} ⟧⟧\n"],
    ["a quoted fence", "> ```\n> ⟦⟦ post {} ⟧⟧\n> ```"],
  ])("leaves what stands in %s", (_where, text) => {
    expect(read([text])).toEqual({ shown: text, commands: [] });
    expect(read(text.split(""))).toEqual({ shown: text, commands: [] });
  });

  it.each([
    ["a mark of code that has no other end", "a ` b ⟦⟦ post {} ⟧⟧ c", "a ` b  c"],
    ["a span that ended", "`a` ⟦⟦ post {} ⟧⟧ `b`", "`a`  `b`"],
    ["a fence that ended", "```\na\n```\n⟦⟦ post {} ⟧⟧", "```\na\n```\n"],
    ["a span that the next paragraph does not close", "a ` b\n\n⟦⟦ post {} ⟧⟧ `", "a ` b\n\n `"],
    ["the beginning of a paragraph, indented", "so\n    ⟦⟦ post {} ⟧⟧", "so\n    "],
    ["an item and an empty line", "- a\n\n    ⟦⟦ post {} ⟧⟧", "- a\n\n    "],
    ["a nested item", "- a\n    - ⟦⟦ post {} ⟧⟧", "- a\n    - "],
    ["a number and an empty line", "10. a\n\n    ⟦⟦ post {} ⟧⟧", "10. a\n\n    "],
    ["indented code", "a\n\n    b\n⟦⟦ post {} ⟧⟧", "a\n\n    b\n"],
    ["a block of HTML", "<pre>\na\n</pre>\n⟦⟦ post {} ⟧⟧", "<pre>\na\n</pre>\n"],
    ["a tag that has no other end", "the tag <pre> is one: ⟦⟦ post {} ⟧⟧", "the tag <pre> is one: "],
    ["three spaces", "a\n\n   ⟦⟦ post {} ⟧⟧", "a\n\n   "],
    ["an escaped mark", "a \\` ⟦⟦ post {} ⟧⟧ `", "a \\`  `"],
  ])("takes what stands after %s", (_where, text, shown) => {
    expect(read([text])).toEqual({ shown, commands: [{ name: "post", input: {} }] });
    expect(read(text.split(""))).toEqual({ shown, commands: [{ name: "post", input: {} }] });
  });

  it.each([
    ["no JSON", "a⟦⟦ post {text} ⟧⟧b", "ab", "what follows its name is no JSON"],
    ["a list", "a⟦⟦ post [1] ⟧⟧b", "ab", "what follows its name must be a JSON object"],
    ["an open string", 'a⟦⟦ post {"text": "x} ⟧⟧b', "ab", "it is not closed"],
    ["no end", 'a⟦⟦ post {"text": "x"}', "a", "it is not closed"],
  ])("leaves out a command with %s, and says what is wrong", (_what, text, shown, problem) => {
    expect(read([text])).toEqual({ shown, commands: [{ name: "post", problem }] });
    expect(read(text.split(""))).toEqual({ shown, commands: [{ name: "post", problem }] });
  });

  it("bounds what it holds: an endless command is left out, and what comes after its end is shown", () => {
    const long = `a⟦⟦ post {"text":"${"x".repeat(3 * MAX_COMMAND_CHARS)}"} ⟧⟧b`;
    const { shown, commands } = read(long.match(/[\s\S]{1,1000}/gu) ?? []);
    expect(shown).toBe("ab");
    expect(commands).toEqual([{ name: "post", problem: "it is too long" }]);
  });
});
