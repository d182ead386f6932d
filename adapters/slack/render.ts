import type { RenderContext, RenderedPost } from "../../src/contracts/adapter.ts";
import { partToText, type ReplyPart } from "../../src/envelope/reply.ts";
import { boundMarkdown } from "../shared/markdown-bound.ts";
import { fenced } from "../shared/markdown-fence.ts";
import { TOOL_GLUE, taskLines, toolPieces } from "../shared/part-lines.ts";
import { prepareReply, type ReplyLimits } from "../shared/prepared-reply.ts";
import { type ReplySection, sectionsOf, seenPieces } from "../shared/reply-sections.ts";
import { wordPieces } from "../shared/text-cut.ts";
import { approvalBlock, contextBlock, inputBlock, MAX_CONTEXT_CHARS, markdownBlock } from "./blocks.ts";
import { MAX_MARKDOWN_CHARS, type MarkupOptions, toFallback, toSlackPieces } from "./markup.ts";
import type { Block, PostBody } from "./post-body.ts";

const MAX_BLOCKS = 50;
/** All text of a message: Slack refuses about 13,200 characters (slackapi/bolt-js#2509). */
const MAX_TOTAL_CHARS = 12_800;
/** Beyond about eight posts a conversation is flooded: such a text goes as a file. */
export const REPLY_LIMITS: ReplyLimits = { maxPostedChars: 8 * 11_000, refusesEmptyFiles: true };
const MAX_ERROR_LINE_CHARS = 1_400;

/**
 * Turns a reply into Slack messages; pure.
 *
 * Text becomes `markdown` blocks, tool calls and tasks small lines, approvals and forms buttons, files uploads of their own.
 * A status is shown only when there is nothing else to show, a text beyond eight posts by its beginning and a file.
 */
export function renderReply(
  parts: readonly ReplyPart[],
  context: RenderContext,
  linkHosts: readonly string[],
): readonly RenderedPost[] {
  const packer = new PostPacker();
  const markup: MarkupOptions = { mentionable: context.mentionable, linkHosts };
  for (const section of sectionsOf(prepareReply(parts, REPLY_LIMITS).parts)) {
    if (section.file !== undefined) packer.file(section.file, section.fallback);
    else for (const shown of shownOf(section, markup)) packer.add(shown);
  }
  return packer.finish();
}

/** A block and the words it has in the plain-text fallback. */
interface Shown {
  readonly block: Block;
  readonly fallback: string;
}

function shownOf(section: ReplySection, markup: MarkupOptions): Shown[] {
  const { parts, fallback } = section;
  const [part] = parts;
  const line = (text: string): Shown[] => lines([text], "\n", fallback);
  switch (part?.type) {
    case undefined:
    case "artifact":
      return [];
    case "text":
      return prose(part.markdown, fallback, markup);
    case "tool_call":
    case "tool_result":
      return lines(toolPieces(parts), TOOL_GLUE, fallback);
    case "task_update":
      return lines(taskLines(parts), "\n", fallback);
    case "status":
      return line(part.text);
    case "handoff":
      return line(`→ ${partToText(part)}`);
    case "error":
      return part.message.length <= MAX_ERROR_LINE_CHARS
        ? line(`⚠️ ${part.message || part.code}`)
        : prose(boundMarkdown(`⚠️ ${part.message}`).markdown, fallback, markup);
    case "approval_request": {
      const options = `Options: ${part.options.map((option) => option.label).join(", ")}`;
      const buttons = approvalBlock(part) ?? contextBlock(options);
      return [
        ...prose(part.prompt, part.prompt, markup),
        // As code, and by itself: what is approved is read sign by sign, whatever the prompt leaves open.
        ...(part.subject ? prose(fenced(part.subject, ""), "", markup) : []),
        { block: buttons, fallback: options },
      ];
    }
    case "input_request": {
      const fields = part.fields.map((field) => `${field.label}${field.required ? " (required)" : ""}`).join(", ");
      const button = inputBlock(part);
      const asked = `Asked for: ${fields}`;
      const answered =
        button === undefined
          ? lines([`Please answer here: ${fields}`], "\n", asked)
          : [{ block: button, fallback: asked }];
      return [...prose(part.prompt, part.prompt, markup), ...answered];
    }
  }
}

/** Small grey lines, as many to a block as fit; a line that is longer than a block is cut between words. */
function lines(all: readonly string[], glue: string, fallback: string): Shown[] {
  const blocks: string[] = [];
  for (const piece of all.flatMap((one) => wordPieces(one, MAX_CONTEXT_CHARS))) {
    const open = blocks.at(-1);
    if (open !== undefined && open.length + glue.length + piece.length <= MAX_CONTEXT_CHARS)
      blocks[blocks.length - 1] = open + glue + piece;
    else blocks.push(piece);
  }
  return blocks.map((text, index) => ({ block: contextBlock(text), fallback: index === 0 ? fallback : "" }));
}

/** Pieces of a split text are their own fallback: the whole text under each of them would read as said several times. */
function prose(markdown: string, fallback: string, markup: MarkupOptions): Shown[] {
  const pieces = seenPieces(markdown, (source) => toSlackPieces(source, markup).filter((piece) => piece.trim() !== ""));
  return pieces.map((piece) => ({ block: markdownBlock(piece), fallback: pieces.length === 1 ? fallback : piece }));
}

/** Packs blocks into as few messages as Slack's limits allow, in order. */
class PostPacker {
  readonly #posts: RenderedPost[] = [];
  #blocks: Block[] = [];
  #markdownChars = 0;
  #totalChars = 0;
  #fallbacks: string[] = [];

  add({ block, fallback }: Shown): void {
    const chars = charsOf(block);
    const markdownChars = block["type"] === "markdown" ? chars : 0;
    const full =
      this.#blocks.length >= MAX_BLOCKS ||
      this.#markdownChars + markdownChars > MAX_MARKDOWN_CHARS ||
      this.#totalChars + chars > MAX_TOTAL_CHARS;
    if (full) this.#flush();
    this.#blocks.push(block);
    this.#markdownChars += markdownChars;
    this.#totalChars += chars;
    if (fallback !== "") this.#fallbacks.push(fallback);
  }

  file(part: Extract<ReplyPart, { type: "artifact" }>, fallback: string): void {
    this.#flush();
    const text = toFallback(fallback);
    const body: PostBody = { kind: "upload", name: part.name, mediaType: part.mediaType, base64: part.base64, text };
    this.#posts.push({ body, fallbackText: fallback });
  }

  finish(): readonly RenderedPost[] {
    this.#flush();
    return this.#posts;
  }

  #flush(): void {
    if (this.#blocks.length === 0) return;
    const fallbackText = this.#fallbacks.join("\n") || "(no text)";
    const body: PostBody = { kind: "message", text: toFallback(fallbackText), blocks: this.#blocks };
    this.#posts.push({ body, fallbackText });
    this.#blocks = [];
    this.#markdownChars = 0;
    this.#totalChars = 0;
    this.#fallbacks = [];
  }
}

function charsOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + charsOf(item), 0);
  return typeof value === "object" && value !== null
    ? Object.values(value).reduce<number>((sum, item) => sum + charsOf(item), 0)
    : 0;
}
