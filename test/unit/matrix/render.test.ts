import { describe, expect, test } from "vitest";
import { createMatrixAdapter } from "../../../adapters/matrix/index.ts";
import { MAX_CONTENT_BYTES, toMatrixPieces, toMatrixText } from "../../../adapters/matrix/markup.ts";
import { readPostBody } from "../../../adapters/matrix/post-body.ts";
import type { RenderContext } from "../../../src/contracts/adapter.ts";
import type { ReplyPart } from "../../../src/envelope/reply.ts";
import { ALICE } from "./fixtures.ts";

const adapter = createMatrixAdapter({ organizationId: "main", homeserverUrl: "http://127.0.0.1", accessToken: "none" });
const context: RenderContext = {
  identity: { agentId: "a", handle: "guide", name: "Guide", color: "#336699" },
  conversation: { space: { id: "parley.test" }, channel: { id: "!r", kind: "private", external: false } },
  mentionable: [ALICE],
};
const options = { mentionable: [ALICE], linkHosts: [] };

function bodiesOf(...parts: ReplyPart[]) {
  return adapter.render(parts, context).map((post) => readPostBody(post.body));
}

describe("Markdown", () => {
  test.each([
    ["a **b** _c_ ~~d~~ `e`", "<p>a <strong>b</strong> <em>c</em> <del>d</del> <code>e</code></p>"],
    ["# T\n\n> q", "<h1>T</h1>\n<blockquote>\n<p>q</p>\n</blockquote>"],
    ["- [x] done\n- [ ] open", "<ul>\n<li>☑ done</li>\n<li>☐ open</li>\n</ul>"],
    ["```ts\nlet a = 1;\n```", '<pre><code class="language-ts">let a = 1;\n</code></pre>'],
    ["3. c", '<ol start="3">\n<li>c</li>\n</ol>'],
  ])("%s", (markdown, html) => {
    expect(toMatrixText(markdown, options).html).toBe(html);
  });

  test("tables are native", () => {
    expect(toMatrixText("| a |\n|---|\n| 1 |", options).html).toContain("<table>");
  });

  test.each([
    "@room",
    "<b onclick=x>bold</b><script>alert(1)</script>",
    "[x](https://matrix.to/#/@bob:parley.test)",
    "[x](javascript:alert(1))",
    "https://evil.example/x www.evil.example",
    "![pic](https://evil.example/p.png)",
    "@bob:parley.test",
    "<mx-reply>x</mx-reply><font data-mx-color=red>y</font>",
    "[a]: https://matrix.to/#/@bob:parley.test\n\n[a]",
    '<a href="https://matrix.to/#/@bob:parley.test">Bob</a>',
  ])("nothing in %s names, loads or links", (markdown) => {
    for (const linkHosts of [[], ["*"]]) {
      const text = toMatrixText(markdown, { mentionable: [], linkHosts });
      expect(text.mentions).toEqual([]);
      expect(text.html).not.toMatch(/<(?:script|img|font|mx-reply|b )/u);
      expect(text.html).not.toMatch(/<a [^>]*href="[^"]*(?:matrix\.to|javascript)/u);
      expect(text.body).not.toMatch(/@room\b|@bob:/u);
    }
  });

  test("links to hosts that are not listed are words", () => {
    const text = toMatrixText("[x](https://a.example/b) https://c.example <https://d.example>", options);
    expect(text.html).not.toMatch(/<a |:\/\//u);
    const listed = toMatrixText("[x](https://a.example/b)", { mentionable: [], linkHosts: ["a.example"] });
    expect(listed.html).toContain('<a href="https://a.example/b">x</a>');
  });

  test("the asker may be named", () => {
    const text = toMatrixText(`hi ${ALICE}, not \`${ALICE}\``, options);
    expect(text.mentions).toEqual([ALICE]);
    expect(text.html.match(/href=/gu)).toHaveLength(1);
    expect(text.html).toContain(`<code>${ALICE}</code>`);
  });

  test.each([".", ",", "!", ":", ")", "-", "…"])("the asker is named in front of a %j", (sign) => {
    const text = toMatrixText(`Thanks ${ALICE}${sign} (And @bob:parley.test${sign})`, options);
    expect(text.mentions).toEqual([ALICE]);
    expect(text.html).toContain(`>${ALICE}</a>${sign}`);
    expect(text.body).toContain(`Thanks ${ALICE}${sign}`);
    expect(`${text.body}${text.html}`).not.toContain("@bob");
  });

  test("is split so that each piece fits into an event, whatever its signs weigh", () => {
    for (const sign of ["a", "&", '"', "€", "😀", "\u0001"]) {
      const pieces = toMatrixPieces(`${sign.repeat(97)} `.repeat(600), options);
      for (const piece of pieces)
        expect(Buffer.byteLength(JSON.stringify(piece))).toBeLessThanOrEqual(MAX_CONTENT_BYTES);
      expect(pieces.length).toBeGreaterThan(4);
    }
  });
});

describe("a reply", () => {
  test("folds tools into details, tasks into a list, and keeps text and tools together", () => {
    const [only, ...rest] = bodiesOf(
      { type: "tool_call", toolCallId: "1", name: "search", input: '{"q": "<x>"}' },
      { type: "tool_result", toolCallId: "1", name: "search", outcome: "ok", output: "found @room" },
      { type: "text", markdown: "Here." },
      { type: "task_update", taskId: "t", title: "Look", state: "completed" },
      { type: "task_update", taskId: "u", title: "Write", state: "pending" },
    );
    expect(rest).toEqual([]);
    expect(only).toMatchObject({ kind: "message", msgtype: "m.text" });
    const html = only?.kind === "message" ? only.html : "";
    expect(html).toContain("<details><summary>🔧 search ✓</summary>");
    expect(html).toContain("&lt;x&gt;");
    expect(html).toContain("<ul><li>● Look</li><li>○ Write</li></ul>");
  });

  test("puts a request into a notice of its own, with signs, commands and what it asks for", () => {
    const bodies = bodiesOf(
      { type: "text", markdown: "I would like to." },
      {
        type: "approval_request",
        approvalId: "ap",
        prompt: "Deploy?",
        subject: "version 7",
        options: [
          { id: "y", label: "Yes", effect: "allow" },
          { id: "n", label: "No", effect: "deny" },
        ],
      },
      {
        type: "input_request",
        inputId: "in",
        prompt: "Where?",
        fields: [{ id: "c", label: "City", kind: "text", required: true }],
      },
      { type: "error", code: "X", message: "It broke", retryable: false },
    );
    expect(bodies.map((body) => (body.kind === "message" ? body.msgtype : "file"))).toEqual([
      "m.text",
      "m.notice",
      "m.notice",
      "m.notice",
    ]);
    expect(bodies[1]).toMatchObject({
      body: expect.stringContaining("✅ Yes (!approve)"),
      ask: {
        kind: "approval",
        id: "ap",
        options: [
          { id: "y", sign: "✅" },
          { id: "n", sign: "❌" },
        ],
      },
    });
    expect(bodies[2]).toMatchObject({ ask: { kind: "input", id: "in", fields: [{ id: "c", label: "City" }] } });
  });

  test("a form too large for an event is put in words", () => {
    const options_ = Array.from({ length: 100 }, (_, index) => ({
      id: `o${index}`,
      label: "x".repeat(70),
      effect: "neutral" as const,
    }));
    const fields = Array.from({ length: 20 }, (_, index) => ({
      id: `f${index}`,
      label: `Field ${index}`,
      kind: "choice" as const,
      options: options_,
      required: false,
    }));
    const bodies = bodiesOf({ type: "input_request", inputId: "in", prompt: "?", fields });
    for (const body of bodies) {
      expect(body.kind === "message" && body.ask).toBe(undefined);
      expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(MAX_CONTENT_BYTES + 500);
    }
  });
});
