import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WORD_JOINER } from "../../../adapters/shared/markdown-safety.ts";
import { markdownToPlainText } from "../../../adapters/shared/markdown-tree.ts";
import { escapeMrkdwn, toFallback, toSlackMarkdown, toSlackPieces } from "../../../adapters/slack/markup.ts";
import { editablePreview, nextIncrement } from "../../../adapters/slack/preview-text.ts";
import { notifiedBy, unfurledBy } from "../../support/slack/model/markup.ts";

const OPTIONS = { mentionable: ["U0ASKER"], linkHosts: ["docs.example", "*.trusted.example"] };
const safe = (markdown: string) => toSlackMarkdown(markdown, OPTIONS);
const effects = (text: string) => ({
  notified: notifiedBy({ text }),
  unfurled: unfurledBy({ text }),
});

describe("what an agent writes", () => {
  test.each([
    ["<!channel> <!here> <!everyone>", "&lt;!channel> &lt;!here> &lt;!everyone>"],
    ["<!here|here> <!subteam^S1|@devs>", "&lt;!here|here> &lt;!subteam^S1|@devs>"],
    ["ask <@U0OTHER>, thanks <@U0ASKER>", "ask &lt;@U0OTHER>, thanks <@U0ASKER>"],
    ["`<!channel>`", `\`<${WORD_JOINER}!channel>\``],
    ["\\<!channel>", "&lt;!channel>"],
    ["&#60;!channel>", "&amp;#60;!channel>"],
    ["@channel", `@${WORD_JOINER}channel`],
    ["<https://evil.example|docs>", "`evil.example%7Cdocs`"],
    ["[docs](https://evil.example/a?b=c)", "docs (`evil.example/a?b=c`)"],
    ["[https://docs.example](https://evil.example)", "`docs.example` (`evil.example`)"],
    ["https://evil.example/x and www.evil.example", "`evil.example/x` and `www.evil.example`"],
    ["![pic](https://evil.example/p.png)", "pic (`evil.example/p.png`)"],
    ["[a][1]\n\n[1]: https://evil.example", "a (`evil.example`)\n\n"],
    ["[docs](https://docs.example/x)", "[docs](https://docs.example/x)"],
    ["https://sub.trusted.example/x", "https://sub.trusted.example/x"],
    ["[x](https://docs.example@evil.example)", "x (`docs.example@evil.example`)"],
    ["<b>bold</b> a < b && c > d", "&lt;b>bold&lt;/b> a &lt; b && c > d"],
    ["**plain** _text_ [#q-000001] `code` 1. x", "**plain** _text_ [#q-000001] `code` 1. x"],
    ["```html\n<!DOCTYPE html>\n```", "```html\n<!DOCTYPE html>\n```"],
    ["```\nnever closed", "```\nnever closed\n```"],
    ["    indented", "```\nindented\n```"],
  ])("%s", (markdown, expected) => {
    expect(safe(markdown)).toBe(expected);
  });

  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          "<!channel>",
          "<!here|x>",
          "<!everyone>",
          "<!subteam^S1>",
          "<@U0OTHER>",
          "<@U0ASKER>",
          "<#C1>",
          "@here",
          "@channel",
          "https://evil.example/a.png",
          "<https://evil.example|x>",
          "[x](https://evil.example)",
          "[x](<https://evil.example>)",
          "![x](https://evil.example)",
          "[r]",
          "[r]: https://evil.example",
          "www.evil.example",
        ),
        fc.constantFrom(
          "`",
          "```",
          "~~~",
          "\n",
          "\n\n",
          "    ",
          "> ",
          "- ",
          "1. ",
          "<",
          ">",
          "<div>",
          "</div>",
          "<!--",
          "-->",
          "\\",
          "&lt;",
          "&#60;",
          "|",
          "|---|",
          "*",
          "**",
          "_",
          "[",
          "]",
          "(",
          ")",
          "!",
          "<!",
          "<@",
          "\t",
        ),
        fc.string({ maxLength: 6 }),
      ),
      { maxLength: 14 },
    )
    .map((parts) => parts.join(""));

  test("notifies nobody but the asker and previews nothing, whatever it holds", () => {
    fc.assert(
      fc.property(hostile, (markdown) => {
        const { notified, unfurled } = effects(safe(markdown));
        expect(notified.filter((who) => who !== "U0ASKER")).toEqual([]);
        expect(unfurled).toEqual([]);
      }),
      { numRuns: 10_000, seed: 11 },
    );
  }, 90_000);

  test("is as harmless in a preview, in its pieces and in its fallback", () => {
    fc.assert(
      fc.property(hostile, (markdown) => {
        for (const text of [
          editablePreview(markdown, OPTIONS),
          toFallback(markdown),
          escapeMrkdwn(markdown),
          nextIncrement("", markdown, OPTIONS) ?? "",
          ...toSlackPieces(markdown.repeat(40), OPTIONS),
        ]) {
          expect(effects(text).notified.filter((who) => who !== "U0ASKER")).toEqual([]);
          expect(effects(text).unfurled).toEqual([]);
        }
      }),
      { numRuns: 250, seed: 12 },
    );
  }, 60_000);

  test("stays harmless when it is made safe again", () => {
    fc.assert(
      fc.property(hostile, (markdown) => {
        const { notified, unfurled } = effects(safe(safe(markdown)));
        expect(notified.filter((who) => who !== "U0ASKER")).toEqual([]);
        expect(unfurled).toEqual([]);
      }),
      { numRuns: 500, seed: 13 },
    );
  });
});

describe("long texts", () => {
  const words = (text: string) => markdownToPlainText(text).replace(/\s+/gu, "");

  test("are split within Slack's limit without losing a word", () => {
    const paragraph = fc
      .array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 60 })
      .map((list) => list.join(" "));
    const block = fc.oneof(
      paragraph,
      fc.array(paragraph, { minLength: 1, maxLength: 30 }).map((items) => items.map((item) => `- ${item}`).join("\n")),
      fc
        .array(paragraph, { minLength: 1, maxLength: 30 })
        .map((items) => items.map((item, index) => `${index + 1}. ${item}`).join("\n")),
      fc.array(paragraph, { minLength: 1, maxLength: 40 }).map((lines) => `\`\`\`txt\n${lines.join("\n")}\n\`\`\``),
      paragraph.map((text) => `> ${text}`),
      paragraph.map((text) => `## ${text}`),
    );
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 120 }), (blocks) => {
        const source = blocks.join("\n\n");
        const pieces = toSlackPieces(source, OPTIONS);
        for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(12_000);
        expect(pieces.map(words).join("")).toBe(words(source));
      }),
      { numRuns: 60, seed: 14 },
    );
  });

  test("keep code in fences and tables under their heads", () => {
    const code = toSlackPieces(`\`\`\`ts\n${"let value = 1;\n".repeat(2_000)}\`\`\``, OPTIONS);
    expect(code.length).toBeGreaterThan(1);
    for (const piece of code) expect(piece).toMatch(/^```ts\n[\s\S]*\n```$/u);
    const table = toSlackPieces(`| a | b |\n|---|---|\n${"| one | two |\n".repeat(1_500)}`, OPTIONS);
    expect(table.length).toBeGreaterThan(1);
    for (const piece of table) expect(piece.startsWith("| a | b |\n|---|---|\n| one")).toBe(true);
  });

  test("without a blank are cut between characters", () => {
    const pieces = toSlackPieces("🙂".repeat(10_000), OPTIONS);
    expect(pieces.join("")).toBe("🙂".repeat(10_000));
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
  });

  test("have a short fallback", () => {
    expect(toFallback("&".repeat(50_000)).length).toBeLessThanOrEqual(4_000);
    expect(toFallback("  ")).toBe("(no text)");
  });
});

describe("a stream", () => {
  test("only ever grows, and ends as a beginning of the safe text", () => {
    const text =
      "See the [docs](https://docs.example/a) and [more](https://evil.example/b) or `code <!here>` now.\n\n```js\nlet a = 1;\n```\n\nThat is **all** for today, https://evil.example/x bye now";
    let shown = "";
    for (let end = 1; end <= text.length; end++) {
      const increment = nextIncrement(shown, text.slice(0, end), OPTIONS);
      expect(increment).toBeDefined();
      shown += increment;
      expect(effects(shown)).toEqual({
        notified: [],
        unfurled: shown.includes("https://docs.example/a") ? ["https://docs.example/a"] : [],
      });
    }
    expect(safe(text).startsWith(shown)).toBe(true);
    expect(shown.length).toBeGreaterThan(150);
  });

  test("stops where the text took back what it said", () => {
    expect(nextIncrement("hello there ", "goodbye now ", OPTIONS)).toBeUndefined();
    expect(nextIncrement("hello there ", "hello ", OPTIONS)).toBe("");
  });
});
