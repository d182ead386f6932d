import fc from "fast-check";
import { toDiscordPieces } from "../../adapters/discord/markup.ts";
import { toMatrixPieces } from "../../adapters/matrix/markup.ts";
import { boundMarkdown } from "../../adapters/shared/markdown-bound.ts";
import { splitMarkdown } from "../../adapters/shared/markdown-split.ts";
import { tablesAsCode } from "../../adapters/shared/markdown-table.ts";
import { editablePreview, nextIncrement } from "../../adapters/slack/preview-text.ts";
import { RENDERED_PLATFORMS, rendererOf } from "../../src/app-platforms.ts";
import { Reply, type ReplyPart } from "../../src/envelope/reply.ts";
import { HARD_MARKDOWN, markdownLike } from "../unit/rendering/hard-markdown.ts";
import { hostileJson, mutated } from "./mutation.ts";
import { target } from "./target.ts";

const markdown = fc.oneof(
  { weight: 8, arbitrary: markdownLike(600) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 300 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...Object.values(HARD_MARKDOWN)), fc.integer({ min: 0, max: 30_000 }))
      .map(([hard, chars]) => hard(chars)),
  },
);
const option = (id: string) => ({ id, label: `Option ${id}`, effect: "allow" });
const parts = [
  { type: "text", markdown: "words" },
  { type: "tool_call", toolCallId: "t", name: "search", title: "Search", input: "in" },
  { type: "tool_result", toolCallId: "t", name: "search", outcome: "ok", output: "out" },
  { type: "status", text: "working" },
  { type: "task_update", taskId: "k", title: "Task", state: "in_progress", detail: "more" },
  { type: "approval_request", approvalId: "a", prompt: "May I?", subject: "it", options: [option("y"), option("n")] },
  {
    type: "input_request",
    inputId: "i",
    prompt: "Tell",
    fields: [{ id: "f", label: "Field", kind: "choice", options: [option("c")], required: true }],
  },
  { type: "artifact", artifactId: "x", name: "a.txt", mediaType: "text/plain", base64: "aGk=" },
  { type: "error", code: "E", message: "broken" },
  { type: "handoff", agent: "guide", note: "yours" },
];
/** Replies that the schema takes: what it refuses never reaches a renderer. */
const reply = fc
  .tuple(
    mutated([{ parts }, { parts: parts.slice(0, 3) }, { parts: parts.slice(4, 8) }]),
    fc.array(markdown, { maxLength: 3 }),
    hostileJson,
  )
  .map(([mutant, texts, name]): ReplyPart[] => {
    const words = texts.map((text) => ({ type: "text", markdown: text }));
    const named = { type: "artifact", artifactId: "n", name, mediaType: "x", base64: "" };
    const known = [Reply.safeParse(mutant), Reply.safeParse({ parts: words }), Reply.safeParse({ parts: [named] })];
    return known.flatMap((read) => (read.success ? read.data.parts : [])).slice(0, 50);
  });
const CONTEXT = {
  identity: { agentId: "1", handle: "guide", name: "Guide", color: "#112233" },
  conversation: { space: { id: "T" }, channel: { id: "C", kind: "public" as const, external: false } },
  mentionable: ["U0ASKER", "100000000000000003", "@alice:parley.test"],
};
const markup = { mentionable: CONTEXT.mentionable, linkHosts: ["docs.example"] };

/** Every platform's way out, given whatever an agent may answer. */
export const RENDERER_TARGETS = [
  ...RENDERED_PLATFORMS.map((platform) =>
    target(`${platform} posts`, reply, (made) => {
      const renderer = rendererOf(platform, ["docs.example"]);
      if (renderer === undefined) throw new Error("no renderer");
      const posts = renderer.render(made, CONTEXT);
      for (const { body, fallbackText } of posts) {
        if (fallbackText.trim() === "") throw new Error("a post without words");
        if (!JSON.stringify(body).isWellFormed() || !fallbackText.isWellFormed()) throw new Error("half a character");
      }
      for (const { part } of renderer.losses(made, CONTEXT))
        if (made[part] === undefined) throw new Error(`a loss of part ${part}, which is none`);
      if (JSON.stringify(renderer.render(made, CONTEXT)) !== JSON.stringify(posts)) throw new Error("not pure");
    }),
  ),
  target("cuts", fc.tuple(markdown, fc.integer({ min: 8, max: 4_000 })), ([text, maxChars]) => {
    for (const piece of splitMarkdown(text, maxChars))
      if (piece.length > maxChars) throw new Error(`${piece.length} > ${maxChars}`);
    for (const piece of toDiscordPieces(text.slice(0, 5_000), markup, 1_000))
      if (piece.length > 1_000) throw new Error("too long for Discord");
    toMatrixPieces(text.slice(0, 5_000), markup);
    tablesAsCode(boundMarkdown(text).markdown);
  }),
  target("previews", fc.tuple(markdown, fc.array(fc.nat({ max: 3_000 }), { maxLength: 6 })), ([text, ends]) => {
    let shown = "";
    for (const end of ends.toSorted((a, b) => a - b)) {
      if (editablePreview(text.slice(0, end), markup).length > 12_000) throw new Error("a preview over Slack's limit");
      shown += nextIncrement(shown, text.slice(0, end), markup) ?? "";
    }
    if (shown.length > 12_000) throw new Error("a stream over Slack's limit");
  }),
];
