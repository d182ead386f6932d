import type { RenderContext, RenderedPost } from "../../src/contracts/adapter.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { partToText, type ReplyPart } from "../../src/envelope/reply.ts";
import { boundMarkdown } from "../shared/markdown-bound.ts";
import { fenced } from "../shared/markdown-fence.ts";
import { taskLines, toolLine } from "../shared/part-lines.ts";
import { prepareReply, type ReplyLimits } from "../shared/prepared-reply.ts";
import { type ReplySection, sectionsOf, seenPieces } from "../shared/reply-sections.ts";
import {
  approvalRows,
  type Component,
  charsOf,
  container,
  countOf,
  errorContainer,
  fileComponent,
  inputRow,
  textDisplay,
  textsOf,
} from "./components.ts";
import { storedForm } from "./forms.ts";
import { cutSafely, type MarkupOptions, plainLine, toDiscordPieces } from "./markup.ts";
import type { FileBody, PostBody } from "./post-body.ts";

/** All text of one message in components. Discord's limit is 4,000; the rest is for the agent's name where a webhook cannot show it. */
export const MAX_TEXT_CHARS = 3_800;
/** `content` takes 2,000; the rest is for the agent's name. */
export const MAX_PLAIN_CHARS = 1_850;
/** Discord allows 40; two are left for what sending adds. */
const MAX_COMPONENTS = 38;
/** A container keeps together what belongs together; longer texts stand before it. */
const MAX_CONTAINER_CHARS = 3_000;
export const MAX_LINE_CHARS = 1_500;
const MAX_FILE_NAME_CHARS = 100;

/** Longer texts would be a wall of messages: they go as a file with their beginning. */
export const REPLY_LIMITS: ReplyLimits = { maxPostedChars: 8 * MAX_TEXT_CHARS, refusesEmptyFiles: true };

/**
 * Turns a reply into Discord messages; pure.
 *
 * Words become text displays, tool calls and tasks small lines, approvals and forms buttons in a container, files attachments
 * of their own. In direct messages, where the bot speaks by itself, plain words stay plain `content`.
 */
export function renderReply(
  parts: readonly ReplyPart[],
  context: RenderContext,
  linkHosts: readonly string[],
): readonly RenderedPost[] {
  const options: MarkupOptions = { mentionable: context.mentionable, linkHosts };
  const { kind } = context.conversation.channel;
  const packer = new PostPacker(options, kind === "direct" || kind === "group_direct");
  for (const section of sectionsOf(prepareReply(parts, REPLY_LIMITS).parts)) {
    if (section.file !== undefined) packer.file(section.file, section.fallback);
    else for (const shown of shownOf(section, options)) packer.add(shown);
  }
  return packer.finish();
}

/** A component and the words it has in the plain-text fallback. */
interface Shown {
  readonly component: Component;
  readonly fallback: string;
  readonly forms?: readonly JsonValue[];
}

function shownOf(section: ReplySection, options: MarkupOptions): Shown[] {
  const { parts, fallback } = section;
  const [part] = parts;
  switch (part?.type) {
    case undefined:
    case "artifact":
      return [];
    case "text":
      return prose(part.markdown, fallback, options);
    case "tool_call":
    case "tool_result":
      return [{ component: textDisplay(`-# ${plainLine(toolLine(parts), MAX_LINE_CHARS)}`), fallback }];
    case "task_update":
      return lines(taskLines(parts), fallback);
    case "status":
      return [{ component: textDisplay(`-# ${plainLine(part.text, MAX_LINE_CHARS)}`), fallback }];
    case "handoff":
      return [{ component: textDisplay(`-# → ${plainLine(partToText(part), MAX_LINE_CHARS)}`), fallback }];
    case "error":
      return prose(boundMarkdown(`⚠️ ${part.message || part.code}`).markdown, fallback, options).map((shown) => ({
        ...shown,
        component: errorContainer(textsOf(shown.component).join("\n")),
      }));
    case "approval_request":
      return approval(part, options);
    case "input_request":
      return inputRequest(part, options);
  }
}

/** Pieces of a split text are their own fallback: the whole text under each of them would read as said several times. */
function prose(markdown: string, fallback: string, options: MarkupOptions): Shown[] {
  const pieces = seenPieces(markdown, (source) => toDiscordPieces(source, options, MAX_TEXT_CHARS - 1));
  return pieces.map((piece) => ({ component: textDisplay(piece), fallback: pieces.length === 1 ? fallback : piece }));
}

/** As many lines to a component as it takes. */
function lines(all: readonly string[], fallback: string): Shown[] {
  const shown: Shown[] = [];
  let open: string[] = [];
  let chars = 0;
  const flush = (): void => {
    if (open.length > 0) shown.push({ component: textDisplay(open.join("\n")), fallback: "" });
    open = [];
    chars = 0;
  };
  for (const line of all.map((one) => plainLine(one, MAX_LINE_CHARS))) {
    if (chars + line.length + 1 >= MAX_TEXT_CHARS) flush();
    open.push(cutSafely(line, MAX_TEXT_CHARS));
    chars += line.length + 1;
  }
  flush();
  const [first, ...rest] = shown;
  return first === undefined ? [] : [{ ...first, fallback }, ...rest];
}

function approval(part: Extract<ReplyPart, { type: "approval_request" }>, options: MarkupOptions): Shown[] {
  const words = `Options: ${part.options.map((option) => option.label).join(", ")}`;
  // As code, and by itself: what is approved is read sign by sign, whatever the prompt leaves open.
  const subject = part.subject ? prose(fenced(part.subject, ""), "", options) : [];
  const rows = approvalRows(part) ?? [textDisplay(plainLine(words, MAX_LINE_CHARS))];
  return together([...prose(part.prompt, part.prompt, options), ...subject], rows, words);
}

function inputRequest(part: Extract<ReplyPart, { type: "input_request" }>, options: MarkupOptions): Shown[] {
  const fields = part.fields.map((field) => `${field.label}${field.required ? " (required)" : ""}`).join(", ");
  const words = `Asked for: ${fields}`;
  const form = storedForm(part);
  const row = form === undefined ? undefined : inputRow(part.inputId);
  const asked = textDisplay(
    `-# ${plainLine(row === undefined ? `Please answer here: ${fields}` : words, MAX_LINE_CHARS)}`,
  );
  const forms = form === undefined || row === undefined ? [] : [form];
  return together(prose(part.prompt, part.prompt, options), row === undefined ? [asked] : [asked, row], words, forms);
}

/** Words and their buttons in one container, where the words are not too long for that. */
function together(
  words: readonly Shown[],
  rows: readonly Component[],
  fallback: string,
  forms: readonly JsonValue[] = [],
): Shown[] {
  const chars = [...words.map((one) => one.component), ...rows].reduce((sum, one) => sum + charsOf(one), 0);
  if (chars <= MAX_CONTAINER_CHARS) {
    const inside = container([...words.map((one) => one.component), ...rows]);
    return [
      {
        component: inside,
        fallback: [...words.map((one) => one.fallback), fallback].filter(Boolean).join("\n"),
        forms,
      },
    ];
  }
  return [...words, { component: container(rows), fallback, forms }];
}

/** Packs components into as few messages as Discord's limits allow, in order. */
class PostPacker {
  readonly #options: MarkupOptions;
  readonly #direct: boolean;
  readonly #posts: RenderedPost[] = [];
  #shown: Shown[] = [];
  #chars = 0;
  #components = 0;

  constructor(options: MarkupOptions, direct: boolean) {
    this.#options = options;
    this.#direct = direct;
  }

  add(shown: Shown): void {
    // Each text begins a line of its own.
    const chars = charsOf(shown.component) + 1;
    const components = countOf(shown.component);
    if (this.#chars + chars > MAX_TEXT_CHARS || this.#components + components > MAX_COMPONENTS) this.#flush();
    this.#shown.push(shown);
    this.#chars += chars;
    this.#components += components;
  }

  file(part: Extract<ReplyPart, { type: "artifact" }>, fallback: string): void {
    this.#flush();
    const name = safeFileName(part.name);
    const file: FileBody = { name, mediaType: part.mediaType, base64: part.base64 };
    const label = name === part.name ? [] : [textDisplay(`-# ${plainLine(part.name, 256)}`)];
    const components = [...label, fileComponent(name)];
    this.#posts.push({
      body: { kind: "components", components, files: [file], users: [], forms: [] },
      fallbackText: fallback,
    });
  }

  finish(): readonly RenderedPost[] {
    this.#flush();
    return this.#posts;
  }

  #flush(): void {
    if (this.#shown.length === 0) return;
    const components = this.#shown.map((one) => one.component);
    const fallbackText =
      this.#shown
        .map((one) => one.fallback)
        .filter(Boolean)
        .join("\n") || "(no text)";
    const texts = components.flatMap(textsOf);
    const users = this.#options.mentionable.filter((id) => texts.some((text) => text.includes(`<@${id}>`)));
    const forms = this.#shown.flatMap((one) => one.forms ?? []);
    const text = texts.join("\n");
    const plain = this.#direct && text.length <= MAX_PLAIN_CHARS && components.every((one) => one["type"] === 10);
    const body: PostBody = plain
      ? { kind: "plain", text, users, forms }
      : { kind: "components", components, files: [], users, forms };
    this.#posts.push({ body, fallbackText });
    this.#shown = [];
    this.#chars = 0;
    this.#components = 0;
  }
}

/** Discord rewrites other signs, and then the component would name a file that is not there. The ending stays: by it people's machines open the file. */
export function safeFileName(name: string): string {
  const ending = /\.[A-Za-z0-9]{1,16}$/u.exec(name)?.[0] ?? "";
  const stem = name
    .slice(0, name.length - ending.length)
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .replace(/[^A-Za-z0-9._-]+/gu, "_")
    .replace(/^[._]+/u, "");
  return (stem.slice(-(MAX_FILE_NAME_CHARS - ending.length)) || "file") + ending;
}
