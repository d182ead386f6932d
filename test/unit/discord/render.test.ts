import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Component, charsOf, countOf } from "../../../adapters/discord/components.ts";
import { discordGaps } from "../../../adapters/discord/gaps.ts";
import { deliveryMark, marked } from "../../../adapters/discord/marks.ts";
import { toDiscordMarkdown, toDiscordPieces } from "../../../adapters/discord/markup.ts";
import { readPostBody } from "../../../adapters/discord/post-body.ts";
import { renderReply } from "../../../adapters/discord/render.ts";
import { findLosses } from "../../../adapters/shared/losses.ts";
import type { RenderContext } from "../../../src/contracts/adapter.ts";
import { ReplyPart, type ReplyPartInput } from "../../../src/envelope/reply.ts";

const NOBODY = { mentionable: [], linkHosts: [] };
const markdown = (
  source: string,
  options = NOBODY as { mentionable: readonly string[]; linkHosts: readonly string[] },
) => toDiscordMarkdown(source, options);

describe("Markdown in Discord's dialect", () => {
  it.each([
    ["# One\n\n#### Four", "# One\n\n**Four**"],
    ["**bold** _slanted_ ~~gone~~ `code`", "**bold** *slanted* ~~gone~~ `code`"],
    ["- a\n- b\n  1. c\n  2. d", "- a\n- b\n  1. c\n  2. d"],
    ["- [x] done\n- [ ] open", "- ☑ done\n- ☐ open"],
    ["> quoted\n> twice", "> quoted\n> twice"],
    ["> one\n> > two", "> one\n> two"],
    ["```ts\nlet a;\n```", "```ts\nlet a;\n```"],
    ["    indented", "```\nindented\n```"],
    ["snake_case_name and _x_", "snake_case_name and *x*"],
    ["a \\*star\\* and 2 * 3 * 4", "a \\*star\\* and 2 \\* 3 \\* 4"],
    ["||no spoiler||", "\\|\\|no spoiler\\|\\|"],
    ["&lt;b&gt; and &amp;", "<b> and &"],
    ["line one  \nline two", "line one\nline two"],
    ["\\# no heading\n\\- no list", "\\# no heading\n\\- no list"],
  ])("%j reads %j", (source, shown) => {
    expect(markdown(source)).toBe(shown);
  });

  it("shows tables as aligned text", () => {
    expect(markdown("| a | bb |\n| - | - |\n| ccc | d |")).toContain("ccc | d");
  });

  it.each([
    "@everyone @here <@123456789012345678> <@!1> <@&2> <#3> <:a:4> <a:b:5> <t:6:R> </c:7> <id:guide>",
    "\\@everyone **@**everyone `x` <\\@1>",
    "[x](https://example.org) ![y](https://example.org/y.png) <https://example.org> https://example.org www.example.org",
    "[https://good.example](https://bad.example)",
    "```\n@everyone\n``` and ``` ` ```",
    "&#60;@1&#62; &commat;everyone",
  ])("lets nothing of %j take effect", (source) => {
    const shown = markdown(source).replaceAll(/```[\s\S]*?```|`[^`\n]*`/gu, "");
    expect(shown).not.toMatch(/<(?:@|#\d|a?:\w|t:\d|\/\w|id:)/u);
    expect(shown).not.toMatch(/@(?:everyone|here)/u);
    expect(shown).not.toMatch(/https?:\/\/|\]\(/u);
  });

  it("keeps links to listed hosts, without an embed, and never hides one address behind another", () => {
    const options = { mentionable: [], linkHosts: ["*.example.org"] };
    expect(markdown("[docs](https://docs.example.org/a_(b))", options)).toBe(
      "[docs](<https://docs.example.org/a_%28b%29>)",
    );
    expect(markdown("https://docs.example.org/a", options)).toBe("<https://docs.example.org/a>");
    expect(markdown("[bank.example](https://docs.example.org)", options)).toBe(
      "bank.example (<https://docs.example.org>)",
    );
  });

  it("mentions those whom the reply may mention, and nobody else", () => {
    expect(markdown("<@1> and <@2>", { mentionable: ["1"], linkHosts: [] })).toMatch(/^<@1> and <\u2060@2>$/u);
  });

  it("is cut into pieces that fit, without losing a word, a fence in each closed", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom("word ", "*star* ", "\n\n", "- item\n", "```\ncode line\nmore\n```\n\n", "`x` ", "_a_b_ "),
          { maxLength: 200 },
        ),
        (parts) => {
          const source = parts.join("");
          const pieces = toDiscordPieces(source, NOBODY, 200);
          for (const piece of pieces) {
            expect(piece.length).toBeLessThanOrEqual(200);
            expect((piece.match(/^```/gmu)?.length ?? 0) % 2).toBe(0);
          }
          expect(pieces.join(" ").match(/word/gu)?.length ?? 0).toBe(source.match(/word/gu)?.length ?? 0);
        },
      ),
      { numRuns: 50 },
    );
  });
});

const conversation = (kind: "public" | "direct"): RenderContext => ({
  identity: { agentId: "1", handle: "guide", name: "Guide", color: "#112233" },
  conversation: { space: { id: "1" }, channel: { id: "2", kind, external: false } },
  mentionable: ["7"],
});
const render = (parts: readonly ReplyPartInput[], kind: "public" | "direct" = "public") =>
  renderReply(
    parts.map((part) => ReplyPart.parse(part)),
    conversation(kind),
    [],
  );
const bodyOf = (parts: readonly ReplyPartInput[], kind?: "public" | "direct") => {
  const [post] = render(parts, kind);
  return readPostBody(JSON.parse(JSON.stringify(post?.body)));
};

describe("a reply", () => {
  it("is components in a guild, and plain words where the bot speaks for itself", () => {
    expect(bodyOf([{ type: "text", markdown: "hi" }])).toMatchObject({
      kind: "components",
      components: [{ type: 10, content: "hi" }],
    });
    expect(bodyOf([{ type: "text", markdown: "hi" }], "direct")).toMatchObject({ kind: "plain", text: "hi" });
  });

  it("folds tool calls into one small line", () => {
    const body = bodyOf([
      { type: "tool_call", toolCallId: "1", name: "search", title: "Searching" },
      { type: "tool_result", toolCallId: "1", name: "search", outcome: "ok" },
      { type: "tool_call", toolCallId: "2", name: "fetch" },
    ]);
    expect(body).toMatchObject({ components: [{ content: "-# 🔧 Searching ✓ · fetch …" }] });
  });

  it("asks for approval with a button per choice, whose id says which", () => {
    const body = bodyOf([
      {
        type: "approval_request",
        approvalId: "deploy-1",
        prompt: "Deploy?",
        options: [
          { id: "yes", label: "Yes", effect: "allow" },
          { id: "no", label: "No", effect: "deny" },
        ],
      },
    ]);
    expect(JSON.stringify(body)).toContain('"custom_id":"parley:a:yes:deploy-1"');
    expect(JSON.stringify(body)).toContain('"custom_id":"parley:a:no:deploy-1"');
  });

  it.each([
    ["report.pdf", "report.pdf"],
    ["отчёт.pdf", "file.pdf"],
    ["報告.xlsx", "file.xlsx"],
    ["résumé v2.docx", "resume_v2.docx"],
    [".env", "file.env"],
    ["日本", "file"],
    ["../../etc/passwd", "etc_passwd"],
    [`${"x".repeat(200)}.log`, `${"x".repeat(96)}.log`],
  ])("gives the file %s a name that Discord keeps, with its ending, and says so where it is another", (name, sent) => {
    const part = { type: "artifact" as const, artifactId: "a", name, mediaType: "text/plain", base64: "aGk=" };
    const body = bodyOf([part]);
    expect(body).toMatchObject({ kind: "components", files: [{ name: sent }] });
    expect(JSON.stringify(body)).toContain(`attachment://${sent}`);
    const losses = findLosses([ReplyPart.parse(part)], discordGaps([]));
    expect(losses.map(({ what }) => what)).toEqual(sent === name ? [] : ["file name of other signs"]);
  });

  it("says that quotes in quotes are one quote", () => {
    const losses = (markdown: string) => findLosses([ReplyPart.parse({ type: "text", markdown })], discordGaps([]));
    expect(losses("> one\n> > two")).toEqual([
      { part: 0, what: "quote inside a quote", shownAs: "a quote, all levels as one" },
    ]);
    expect(losses("> one\n\n> two")).toEqual([]);
  });

  it("says who is to be told, and only that", () => {
    expect(bodyOf([{ type: "text", markdown: "<@7> and <@8>" }]).users).toEqual(["7"]);
  });

  it("keeps Discord's limits whatever it is made of", () => {
    const text = fc
      .string({ unit: "grapheme", maxLength: 6_000 })
      .map((markdown) => ({ type: "text" as const, markdown }));
    const error = fc.string({ maxLength: 3_000 }).map((message) => ({ type: "error" as const, code: "E", message }));
    fc.assert(
      fc.property(fc.array(fc.oneof(text, error), { maxLength: 8 }), (parts) => {
        for (const post of render(parts)) {
          const body = readPostBody(JSON.parse(JSON.stringify(post.body)));
          const components: readonly Component[] = body.kind === "components" ? body.components : [];
          expect(components.reduce((sum, one) => sum + charsOf(one), 0)).toBeLessThanOrEqual(4_000);
          expect(components.reduce((sum, one) => sum + countOf(one), 0)).toBeLessThanOrEqual(40);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("the mark of a delivery", () => {
  it("is equal for equal keys, differs otherwise, and fits Discord's numbers", () => {
    const marks = Array.from({ length: 500 }, (_, index) => deliveryMark("secret", `key-${index}`));
    expect(new Set(marks.map((mark) => mark.nonce)).size).toBe(500);
    for (const { nonce, componentId } of marks) {
      expect(nonce).toHaveLength(25);
      expect(componentId).toBeGreaterThan(1_000);
      expect(componentId).toBeLessThan(2 ** 31);
    }
    expect(deliveryMark("secret", "a")).toEqual(deliveryMark("secret", "a"));
    expect(deliveryMark("other", "a")).not.toEqual(deliveryMark("secret", "a"));
    expect(marked([{ type: 10 }, { type: 1 }], { nonce: "", componentId: 9 })).toEqual([
      { type: 10, id: 9 },
      { type: 1 },
    ]);
  });
});
