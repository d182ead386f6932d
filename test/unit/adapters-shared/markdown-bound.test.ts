import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundMarkdown, REPLY_BUDGET_US } from "../../../adapters/shared/markdown-bound.ts";
import { stretchesOf } from "../../../adapters/shared/markdown-stretches.ts";
import { markdownToPlainText, parseMarkdown } from "../../../adapters/shared/markdown-tree.ts";
import { prepareReply } from "../../../adapters/shared/prepared-reply.ts";
import { renderReply } from "../../../adapters/slack/render.ts";
import { renderParts } from "../../../adapters/web/render.ts";
import type { ReplyPart } from "../../../src/envelope/reply.ts";
import { HARD_MARKDOWN, markdownLike } from "../rendering/hard-markdown.ts";

const CONTEXT = {
  identity: { agentId: "1", handle: "guide", name: "Guide", color: "#112233" },
  conversation: { space: { id: "T" }, channel: { id: "C", kind: "public" as const, external: false } },
  mentionable: [],
};
const LARGEST = 262_144;
/** Generous, because the machines of tests are slow and shared; unbounded, most of these take seconds and some never end. */
const MAX_CPU_MS = 1_000;

/** Processor time that the work took, in ms. */
function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const filled = (unit: string, chars: number): string => unit.repeat(Math.ceil(chars / unit.length)).slice(0, chars);
const text = (markdown: string): ReplyPart => ({ type: "text", markdown });

describe("the largest reply that an agent may send", () => {
  test.each(Object.entries(HARD_MARKDOWN))("is rendered in no time when it is full of %s", (_name, hard) => {
    const source = hard(LARGEST);
    // Slack gets what is just not long enough to become a file.
    expect(cpuMs(() => renderReply([text(source.slice(0, 87_000))], CONTEXT, []))).toBeLessThan(MAX_CPU_MS);
    expect(cpuMs(() => renderParts([text(source)], CONTEXT))).toBeLessThan(MAX_CPU_MS);
  });

  test("may have its hard texts in fifty parts", () => {
    const parts = Array.from({ length: 50 }, (_, index) => text(filled("*a_ [b](c) ", 1_700) + index));
    expect(cpuMs(() => renderReply(parts, CONTEXT, []))).toBeLessThan(MAX_CPU_MS);
    expect(prepareReply(parts).simplified.size).toBeGreaterThan(10);
  });
});

describe("what would take too long to parse", () => {
  test("is a code block with every character, and its neighbours stay as they are", () => {
    const flood = filled("[a](b) *c* ", 30_000).trimEnd();
    const { markdown, simplified } = boundMarkdown(`# Title\n\n${flood}\n\nThe **end**.`);
    expect(markdown).toBe(`# Title\n\n\`\`\`\n${flood}\n\`\`\`\n\nThe **end**.`);
    expect(simplified).toBe(true);
  });

  test("does not hide behind what looks like a fence and is none", () => {
    const flood = filled("[a](b) *c* ", 50_000);
    const disguises = [
      "- ```\n",
      "> ```\n",
      "<!--\n```\n-->\n",
      "  ```\nx\n```\n",
      "1. ```\n\n",
      "<pre>\n```\n</pre>\n",
    ];
    expect(disguises.filter((disguise) => !boundMarkdown(disguise + flood).simplified)).toEqual([]);
    expect(parseMarkdown(filled("[a](b) *c* ", 150_000)).children.map(({ type }) => type)).toEqual(["code"]);
  });

  test("is no ordinary text: long prose, code, lists and tables stay", () => {
    const ordinary = [
      filled("Lorem ipsum **dolor** sit amet, `consectetur` adipiscing [elit](https://x.example).\n\n", 45_000),
      `\`\`\`ts\n${filled("const list = [1, 2, 3].map((n) => n * 2); // [x](y) *z*\n", 200_000)}\n\`\`\``,
      filled("- an item of a list with some words in it\n", 20_000),
      `| a | b | c |\n|---|---|---|\n${filled("| some | longer | cells |\n", 6_000)}`,
    ];
    for (const source of ordinary) expect(boundMarkdown(source)).toMatchObject({ markdown: source, simplified: false });
  });

  test("stays within the budget, whatever the text, and loses nothing but blanks", () => {
    const letters = (markdown: string): string => markdown.replace(/[\s`]/gu, "");
    fc.assert(
      fc.property(markdownLike(400), fc.integer({ min: 0, max: 20_000 }), (source, budgetUs) => {
        const { markdown, costUs, simplified } = boundMarkdown(source, budgetUs);
        expect(costUs).toBeLessThanOrEqual(budgetUs);
        expect(letters(markdown)).toBe(letters(source));
        expect(simplified || markdown === source).toBe(true);
      }),
      { numRuns: 2_000, seed: 41 },
    );
    expect(REPLY_BUDGET_US).toBeLessThan(200_000);
  });
});

describe("stretches", () => {
  test("cover the text without a gap and end where a blank line or a fence does", () => {
    fc.assert(
      fc.property(markdownLike(300), (source) => {
        const stretches = stretchesOf(source);
        expect(stretches.map(({ start, end }) => source.slice(start, end)).join("")).toBe(source);
      }),
      { numRuns: 1_000, seed: 42 },
    );
    const parts = "# a\ntext\n\n- b\n\n  more\n\n- c\n```js\n\nlet a;\n```\ntext\n\n~~~\nopen";
    expect(stretchesOf(parts).map(({ start, end, isFence }) => [parts.slice(start, end), isFence])).toEqual([
      ["# a\ntext\n\n", false],
      ["- b\n\n  more\n\n", false],
      ["- c\n", false],
      ["```js\n\nlet a;\n```\n", true],
      ["text\n\n", false],
      ["~~~\nopen", true],
    ]);
  });

  test("that are called fences are code for the parser too", () => {
    fc.assert(
      fc.property(markdownLike(200), (source) => {
        const fences = stretchesOf(source).filter(({ isFence }) => isFence);
        const codeAt = new Set(
          parseMarkdown(source).children.flatMap(({ type, position }) =>
            type === "code" ? [position?.start.offset] : [],
          ),
        );
        expect(fences.filter(({ start }) => !codeAt.has(start))).toEqual([]);
      }),
      { numRuns: 4_000, seed: 43 },
    );
  });

  test("are understood alone as they are together", () => {
    const words = (markdown: string): string => markdownToPlainText(markdown).replace(/\s+/gu, " ").trim();
    const simple = /\]|\[|^ {0,3}\d|[<&]/mu;
    fc.assert(
      fc.property(
        markdownLike(200).filter((source) => !simple.test(source)),
        (source) => {
          const apart = stretchesOf(source).map(({ start, end }) => words(source.slice(start, end)));
          expect(apart.filter(Boolean).join(" ")).toBe(words(source));
        },
      ),
      { numRuns: 2_000, seed: 44 },
    );
  });
});
