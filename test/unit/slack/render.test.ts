import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readActionId } from "../../../adapters/slack/actions.ts";
import { formView } from "../../../adapters/slack/forms.ts";
import { readPostBody } from "../../../adapters/slack/post-body.ts";
import { renderReply } from "../../../adapters/slack/render.ts";
import { ReplyPart, type ReplyPartInput } from "../../../src/envelope/reply.ts";
import { checkBlocks } from "../../support/slack/web-api/block-limits.ts";
import { BOT, CHANNEL, TEAM } from "./fixtures.ts";

const CONTEXT = {
  identity: { agentId: "1", handle: "guide", name: "Guide", color: "#112233" },
  conversation: { space: { id: TEAM }, channel: { id: CHANNEL, kind: "public" as const, external: false } },
  mentionable: [],
};

function render(...parts: ReplyPartInput[]) {
  return renderReply(
    parts.map((part) => ReplyPart.parse(part)),
    CONTEXT,
    [],
  ).map((post) => ({ ...post, body: readPostBody(post.body) }));
}

/** What Slack would refuse about the messages; empty when it takes them. */
function refusalsOf(posts: ReturnType<typeof render>): unknown[] {
  return posts.flatMap(({ body }) => {
    if (body.text === "" || body.text.length > 4_000) return [`fallback of ${body.text.length} characters`];
    if (body.kind !== "message") return [];
    try {
      checkBlocks(body.blocks, "message", 13_200);
      return [];
    } catch (error) {
      return [error];
    }
  });
}

const text = (markdown: string): ReplyPartInput => ({ type: "text", markdown });

describe("a reply", () => {
  test("of text is one markdown block with a fallback", () => {
    expect(render(text("**Hi** <there>"))).toEqual([
      {
        body: {
          kind: "message",
          text: "**Hi** &lt;there&gt;",
          blocks: [{ type: "markdown", text: "**Hi** &lt;there>" }],
        },
        fallbackText: "**Hi** <there>",
      },
    ]);
  });

  test("with every kind of part keeps their order", () => {
    const posts = render(
      text("First"),
      { type: "tool_call", toolCallId: "a", name: "search" },
      { type: "tool_result", toolCallId: "a", name: "search", outcome: "ok" },
      { type: "tool_call", toolCallId: "b", name: "fetch", title: "Fetch page" },
      { type: "tool_result", toolCallId: "b", name: "fetch", outcome: "denied" },
      { type: "task_update", taskId: "t", title: "Write", state: "pending" },
      { type: "task_update", taskId: "t", title: "Write", state: "completed" },
      { type: "status", text: "thinking" },
      {
        type: "approval_request",
        approvalId: "ap:1",
        prompt: "Delete it?",
        subject: "report.pdf",
        options: [
          { id: "y", label: "Yes", effect: "allow" },
          { id: "n", label: "No", effect: "deny" },
          { id: "l", label: "Later" },
        ],
      },
      { type: "error", code: "X", message: "It broke" },
      { type: "handoff", agent: "assistant", note: "your turn" },
      { type: "artifact", artifactId: "f", name: "a.txt", mediaType: "text/plain", base64: "aGVsbG8=" },
      text("Last"),
    );
    expect(refusalsOf(posts)).toEqual([]);
    expect(posts.map((post) => post.body.kind)).toEqual(["message", "upload", "message"]);
    expect(posts[0]?.body).toMatchObject({
      blocks: [
        { type: "markdown", text: "First" },
        { type: "context", elements: [{ type: "plain_text", text: "🔧 search ✓ · Fetch page ⊘" }] },
        { type: "context", elements: [{ text: "● Write" }] },
        { type: "markdown", text: "Delete it?" },
        { type: "markdown", text: "```\nreport.pdf\n```" },
        {
          type: "actions",
          elements: [
            { value: "y", style: "primary", text: { text: "Yes" } },
            { value: "n", style: "danger" },
            { value: "l" },
          ],
        },
        { type: "context", elements: [{ text: "⚠️ It broke" }] },
        { type: "context", elements: [{ text: "→ Handing over to @assistant: your turn" }] },
      ],
    });
    expect(posts[1]?.body).toMatchObject({
      kind: "upload",
      name: "a.txt",
      mediaType: "text/plain",
      base64: "aGVsbG8=",
    });
    expect(posts.every((post) => post.fallbackText !== "")).toBe(true);
  });

  test("shows a status only when there is nothing else", () => {
    expect(render({ type: "status", text: "thinking" })).toHaveLength(1);
    expect(render({ type: "status", text: "thinking" }, text("done"))).toMatchObject([{ fallbackText: "done" }]);
    expect(render()).toEqual([]);
    expect(render(text("  \n"))).toEqual([]);
  });

  test("longer than a message becomes several, none of which repeats another", () => {
    const posts = render(text(Array.from({ length: 4_000 }, (_, i) => `word${i}`).join(" ")));
    expect(refusalsOf(posts)).toEqual([]);
    expect(posts.length).toBeGreaterThan(2);
    const words = posts.flatMap((post) =>
      post.body.kind === "message"
        ? post.body.blocks.flatMap((block) => JSON.stringify(block["text"]).slice(1, -1).split(/\s+/u))
        : [],
    );
    expect(words).toEqual(Array.from({ length: 4_000 }, (_, i) => `word${i}`));
    expect(new Set(posts.map((post) => post.fallbackText)).size).toBe(posts.length);
  });

  test("of whatever parts keeps Slack's limits", () => {
    const words = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.string({ minLength: 1_000, maxLength: 9_000 }),
      fc.constantFrom("<!channel>", "https://evil.example/x", "```\ncode"),
    );
    const label = fc.string({ minLength: 1, maxLength: 75 }).filter((value) => value.trim() !== "");
    const id = fc.stringMatching(/^[a-z0-9:_-]{1,60}$/);
    const part = fc.oneof(
      words.map((markdown) => ({ type: "text", markdown })),
      fc.record({ type: fc.constant("tool_call"), toolCallId: id, name: label }),
      fc.record({
        type: fc.constant("tool_result"),
        toolCallId: id,
        name: label,
        outcome: fc.constantFrom("ok", "error", "denied"),
        output: words,
      }),
      fc.record({
        type: fc.constant("task_update"),
        taskId: id,
        title: label,
        state: fc.constantFrom("pending", "completed", "failed"),
        detail: words,
      }),
      fc.record({
        type: fc.constant("approval_request"),
        approvalId: id,
        prompt: words,
        subject: words,
        options: fc.array(fc.record({ id, label }), { minLength: 1, maxLength: 10 }),
      }),
      fc.record({
        type: fc.constant("input_request"),
        inputId: id,
        prompt: words,
        fields: fc.array(
          fc.record({
            id,
            label,
            kind: fc.constantFrom("text", "paragraph", "number", "boolean", "choice"),
            options: fc.array(fc.record({ id, label }), { maxLength: 30 }),
          }),
          { minLength: 1, maxLength: 20 },
        ),
      }),
      fc.record({ type: fc.constant("error"), code: fc.constant("X"), message: words }),
      fc.record({ type: fc.constant("handoff"), agent: id, note: words }),
      fc.record({ type: fc.constant("status"), text: label }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 50 }), (parts) => {
        const posts = renderReply(
          parts.map((one) => ReplyPart.parse(one)),
          CONTEXT,
          [],
        ).map((post) => ({ ...post, body: readPostBody(post.body) }));
        expect(refusalsOf(posts)).toEqual([]);
      }),
      { numRuns: 150, seed: 21 },
    );
  });
});

describe("a form", () => {
  const fields = [
    { id: "name", label: "Your name", kind: "text" as const, required: true },
    { id: "why", label: "Why", kind: "paragraph" as const },
    {
      id: "size",
      label: "Size",
      kind: "choice" as const,
      options: [
        { id: "s", label: "Small" },
        { id: "l", label: "Large" },
      ],
    },
    { id: "sure", label: "Sure?", kind: "boolean" as const },
    { id: "n", label: "How many", kind: "number" as const },
  ];

  test("travels in its button and opens as a modal", () => {
    const [post] = render({ type: "input_request", inputId: "in-1", prompt: "Tell me", fields });
    const body = post?.body;
    if (body?.kind !== "message") throw new Error("no message");
    // Rendered just now: an actions block with one button.
    const [button] =
      (body.blocks[1] as { elements: { action_id: string; value: string }[] } | undefined)?.elements ?? [];
    expect(readActionId(button?.action_id ?? "")).toEqual({ purpose: "input", inputId: "in-1" });
    const view = formView(button?.value ?? "", { inputId: "in-1", channelId: CHANNEL, messageId: "1.0" });
    checkBlocks(view?.["blocks"], "view", 100_000);
    expect(view).toMatchObject({
      type: "modal",
      blocks: [
        { block_id: "field:name", optional: false, element: { type: "plain_text_input" } },
        { element: { multiline: true } },
        { element: { type: "static_select" } },
        { element: { type: "checkboxes" } },
        { element: { type: "number_input" } },
      ],
    });
  });

  test("that is too large for a button is asked for in words", () => {
    const large = Array.from({ length: 20 }, (_, i) => ({
      id: `field-${i}`,
      label: "x".repeat(140),
      kind: "text" as const,
    }));
    const [post] = render({ type: "input_request", inputId: "in-1", prompt: "Tell me", fields: large });
    expect(post?.body).toMatchObject({ blocks: [{ type: "markdown" }, { type: "context" }, { type: "context" }] });
  });

  test("of another origin opens nothing", () => {
    const origin = { inputId: "i", channelId: BOT, messageId: "1.0" };
    for (const packed of ["", "{", "[]", "[[1,2,3]]", '[["a","b",9,1,[]]]'])
      expect(formView(packed, origin)).toBeUndefined();
  });
});

describe("small lines", () => {
  test("that do not fit into one block go on in the next, and none of their words is lost", () => {
    const names = Array.from({ length: 20 }, (_, index) => `tool-${index}-${"x".repeat(180)}`);
    const detail = Array.from({ length: 600 }, (_, index) => `w${index}`).join(" ");
    const posts = render(
      ...names.map((name, index) => ({ type: "tool_call" as const, toolCallId: `t${index}`, name })),
      ...[1, 2, 3].map((n) => ({
        type: "task_update" as const,
        taskId: `k${n}`,
        title: `Task ${n}`,
        state: "failed" as const,
        detail,
      })),
    );
    expect(refusalsOf(posts)).toEqual([]);
    const shown = JSON.stringify(posts.map(({ body }) => (body.kind === "message" ? body.blocks : [])));
    for (const name of names) expect(shown).toContain(`${name} …`);
    expect(shown.match(/\bw\d+\b/gu)).toEqual([1, 2, 3].flatMap(() => detail.split(" ")));
  });
});
