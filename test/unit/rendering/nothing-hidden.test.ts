import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withoutReferences } from "../../../adapters/shared/markdown-references.ts";
import { rendererOf } from "../../../src/app-platforms.ts";
import type { RenderContext } from "../../../src/contracts/adapter.ts";
import { ReplyPart, type ReplyPartInput } from "../../../src/envelope/reply.ts";

const PLATFORMS = ["discord", "matrix", "slack", "web"] as const;
const CONTEXT: RenderContext = {
  identity: { agentId: "1", handle: "guide", name: "Guide", color: "#112233" },
  conversation: { space: { id: "T" }, channel: { id: "C", kind: "public", external: false } },
  mentionable: [],
};
const LINK_HOSTS = ["docs.example"];

function rendered(platform: string, parts: readonly ReplyPartInput[]) {
  const renderer = rendererOf(platform, LINK_HOSTS);
  if (renderer === undefined) throw new Error(`no renderer of ${platform}`);
  const read = parts.map((part) => ReplyPart.parse(part));
  const posts = renderer.render(read, CONTEXT);
  return { posts, losses: renderer.losses(read, CONTEXT), shown: posts.map(({ body }) => shownOf(platform, body)) };
}

/** What people see of a post, as its own markup: HTML on Matrix, else Markdown. */
function shownOf(platform: string, body: unknown): string {
  const { html, kind } = body as { html?: string; kind?: string }; // made by the renderer
  if (platform === "matrix" && html !== undefined)
    return html.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  return kind === "upload" ? "(a file)" : strings(body).join("\n");
}

function strings(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(strings);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === "string"
      ? ["content", "text", "markdown", "subject"].includes(key)
        ? [inner]
        : []
      : strings(inner),
  );
}

/** Prose that fills more than one post of the platform, and less than makes it a file. */
function filler(platform: (typeof PLATFORMS)[number]): string {
  const paragraphs = { discord: 40, matrix: 60, slack: 60, web: 140 }[platform];
  return Array.from({ length: paragraphs }, (_, index) => `Paragraph ${index} ${"word ".repeat(60)}`).join("\n\n");
}

describe.each(PLATFORMS)("on %s", (platform) => {
  test("a line that looks like a link definition, and defines nothing, is shown", () => {
    const { shown } = rendered(platform, [
      { type: "text", markdown: "Result\n\n[INFO]: started\n[WARN]: slow-disk\n[ERROR]: timeout" },
      { type: "text", markdown: "[ERROR]: alone" },
    ]);
    const all = shown.join("\n");
    for (const line of ["[INFO]: started", "[WARN]: slow-disk", "[ERROR]: timeout", "[ERROR]: alone"])
      expect(all).toMatch(new RegExp(`\\\\?${line.replace("[", "\\[").replace("]", "\\]")}`, "u"));
  });

  test("a link keeps its address wherever the text was cut", () => {
    const markdown = `See [the docs][1] and ![a plan][p].\n\n${filler(platform)}\n\nAnd [the docs][1] again, [1].\n\n[1]: https://docs.example/page\n[p]: https://x.example/plan.png`;
    const { posts, shown } = rendered(platform, [{ type: "text", markdown }]);
    expect(posts.length).toBeGreaterThan(1);
    for (const post of [shown.at(0), shown.at(-1)]) expect(post).toContain("docs.example/page");
    expect(shown[0]).toContain("x.example/plan.png");
    expect(shown.join("\n")).not.toMatch(/\[the docs\]\[1\]|\[1\]:/u);
  });

  test("a link in the beginning of what goes as a file has its address too", () => {
    if (platform === "web") return; // no text is too long for the page
    const markdown = `See [the docs][1] or [2].\n\n${`${filler(platform)}\n\n`.repeat(10)}[1]: https://docs.example/page\n[2]: https://docs.example/two`;
    const { shown } = rendered(platform, [{ type: "text", markdown }]);
    expect(shown).toHaveLength(2);
    expect(shown[0]).toMatch(/docs\.example\/page[\s\S]*docs\.example\/two/u);
  });

  test("a footnote is shown also where the cut parted it from its mark", () => {
    const markdown = `Claim[^1].\n\n${filler(platform)}\n\n[^1]: the source is Smith 1999`;
    const { shown } = rendered(platform, [{ type: "text", markdown }]);
    expect(shown.at(-1)).toContain("the source is Smith 1999");
  });

  test.each([
    "rm -rf *.log && mv __old__ _new_ | tee ~~x~~ <file> # all",
    "[step-1]: rm-rf-everything\n[step-2]: drop-database",
    "psql -c 'DELETE FROM users'\n\n[//]: # (harmless)\n<!-- hidden -->\n[x]: rm",
    "# no heading\n- no list\n1. no number\n> no quote\n[label](https://docs.example)",
    "![](https://x.example/pixel.png) &amp; &lt;b&gt;",
  ])("what is to be approved is shown sign by sign: %j", (subject) => {
    for (const prompt of ["Run this?", "Run this?\n\n```\nopen", "<!-- Run this?"]) {
      const { shown, losses } = rendered(platform, [
        { type: "approval_request", approvalId: "a", prompt, subject, options: [{ id: "y", label: "Yes" }] },
      ]);
      const literal =
        platform === "web" ? subject : platform === "matrix" ? `<pre><code>${subject}\n` : `\`\`\`\n${subject}\n`;
      // Slack sees `<` in code as an entity does: nothing but the sign itself may stand for it.
      expect(shown.join("\n")).toContain(literal);
      expect(losses.filter(({ what }) => what === "link" || what === "image by its address")).toEqual([]);
    }
  });

  test.each(["![]()", "&nbsp;", "[](<>)", "\\\n&#8203;"])(
    "%j is shown as what it is, and never as nothing",
    (markdown) => {
      const { shown } = rendered(platform, [{ type: "text", markdown }]);
      expect(shown).toHaveLength(1);
      expect(shown[0]).toMatch(/\S/u);
    },
  );

  test("an empty file is named, and nothing is sent that the platform refuses", () => {
    const file = {
      type: "artifact",
      artifactId: "x",
      name: "out_put.log",
      mediaType: "text/plain",
      base64: "",
    } as const;
    const { posts, shown, losses } = rendered(platform, [{ type: "text", markdown: "Here is the log." }, file]);
    const isFile = platform === "web";
    expect(/attachment:|"upload"|"artifact"/u.test(JSON.stringify(posts))).toBe(isFile);
    expect(shown.join("\n").includes("out_put.log")).toBe(!isFile);
    expect(losses).toEqual(isFile ? [] : [{ part: 1, what: "file that is empty", shownAs: "its name" }]);
  });
});

describe("Markdown without references", () => {
  test.each([
    ["no reference", "no reference"],
    ["[a][1]\n\n[1]: https://x.example 'T'", '[a](https://x.example "T")\n\n'],
    ["[a] [a][] ![b][a]\n\n[a]: /u", "[a](/u) [a](/u) ![b](/u)\n\n"],
    ["[![i][p]][l]\n\n[p]: /p\n[l]: /l", "[![i](/p)](/l)\n\n\n"],
    ["[a]\n\n[a]: <>", "[a](<>)\n\n"],
    ["[a]\n\n[a]: <b c>\n[a]: other", "[a](b%20c)\n\n\n\\[a]: other"],
    ["[ERROR]: timeout", "\\[ERROR]: timeout"],
    ["- [INFO]: ok\n> [x]: y", "- \\[INFO]: ok\n> \\[x]: y"],
    ["[a]: b\n---\n\nc", "\\[a]: b\n\n---\n\nc"],
    ["[a]: b\n===", "\\[a]: b\n\n==="],
    ["[^1]: note", "\\[^1]: note"],
    ["a[^1]\n\n[^1]: note", "a[^1]\n\n[^1]: note"],
    ["```\n[a]: b\n```", "```\n[a]: b\n```"],
    ["`[a]: b`", "`[a]: b`"],
  ])("%j reads %j", (source, expected) => {
    expect(withoutReferences(source)).toBe(expected);
  });

  test("stays as it is when it is done again, and loses no word", () => {
    const bits = [
      "word ",
      "[a]",
      "[a]: ",
      "[b]: /u",
      "\n",
      "\n\n",
      "[a][b]",
      "![i][a]",
      "> ",
      "- ",
      "`",
      "<",
      "(",
      "]:",
      "[^a]",
      "[^a]: ",
      "    ",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...bits), { maxLength: 25 }), (parts) => {
        const source = parts.join("");
        const once = withoutReferences(source);
        expect(withoutReferences(once)).toBe(once);
        expect(once.match(/word/gu)?.length ?? 0).toBeGreaterThanOrEqual(source.match(/word/gu)?.length ?? 0);
      }),
      { numRuns: 500 },
    );
  });

  test("a long address that is referred to often does not grow into a flood", () => {
    const source = `${"[a] ".repeat(1_000)}\n\n[a]: https://docs.example/${"x".repeat(10_000)}`;
    expect(withoutReferences(source).length).toBeLessThan(source.length + 30_000);
    for (const platform of PLATFORMS)
      expect(JSON.stringify(rendered(platform, [{ type: "text", markdown: source }]).posts).length).toBeLessThan(
        300_000,
      );
  });
});
