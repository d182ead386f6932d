import type { RenderContext, RenderedPost } from "../../src/contracts/adapter.ts";
import { partToText, type ReplyPart } from "../../src/envelope/reply.ts";
import { boundMarkdown } from "../shared/markdown-bound.ts";
import { fenced } from "../shared/markdown-fence.ts";
import { foldTools, taskLines } from "../shared/part-lines.ts";
import { prepareReply, type ReplyLimits } from "../shared/prepared-reply.ts";
import { type ReplySection, sectionsOf, seenPieces } from "../shared/reply-sections.ts";
import { cutPieces, cutPlace } from "../shared/text-cut.ts";
import { type Ask, type AskField, approvalAsk, askCode, inputAsk } from "./ask.ts";
import {
  contentBytes,
  escapeHtml,
  inertText,
  MAX_CONTENT_BYTES,
  MAX_TEXT_CHARS,
  type MarkupOptions,
  type MatrixText,
  SPLIT_CHARS,
  toMatrixPieces,
} from "./markup.ts";
import { answering, type PostBody, postBodyToJson } from "./post-body.ts";
import { foldedTools } from "./tool-details.ts";

/** Beyond about eight posts a conversation is flooded: such a text goes as a file. */
export const REPLY_LIMITS: ReplyLimits = { maxPostedChars: 8 * SPLIT_CHARS, refusesEmptyFiles: true };

/** Longest piece of a line of plain words. */
const MAX_LINE_CHARS = 4_000;
/** What is shown where only plain text is read, when the agent itself says what that is. */
const MAX_PLAIN_CHARS = 4_000;
/** Most bytes of what a message says about its request; a form beyond it is answered in words. */
const MAX_ASK_BYTES = 8_000;
/** Choices of a field that are shown. */
const MAX_SHOWN_CHOICES = 20;

/**
 * Turns a reply into Matrix messages; pure.
 *
 * Text becomes `m.text` with HTML, tools fold into `<details>`, tasks are a list; requests, errors and what is only a status are
 * notices, files uploads of their own. A text beyond eight posts is shown by its beginning and a file.
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
    else for (const shown of withOwnPlainText(section, shownOf(section, markup))) packer.add(shown);
  }
  return answering(packer.finish(), context.replyTo);
}

/** One stretch of a message. A request stands alone, so that a reaction to it means one thing. */
interface Shown {
  readonly msgtype: "m.text" | "m.notice";
  readonly text: MatrixText;
  readonly fallback: string;
  readonly ask?: Ask;
}

/** What an agent wrote for those who see plain text alone takes the place of what would be made of its Markdown. */
function withOwnPlainText(section: ReplySection, shown: readonly Shown[]): readonly Shown[] {
  const [first, ...rest] = shown;
  if (first === undefined || section.parts.every((part) => part.fallbackText === undefined)) return shown;
  const plain = inertText(section.fallback);
  const body = plain.length <= MAX_PLAIN_CHARS ? plain : `${plain.slice(0, cutPlace(plain, MAX_PLAIN_CHARS - 1))}…`;
  return [{ ...first, text: { ...first.text, body } }, ...rest];
}

function shownOf(section: ReplySection, markup: MarkupOptions): Shown[] {
  const { parts, fallback } = section;
  const [part] = parts;
  switch (part?.type) {
    case undefined:
    case "artifact":
      return [];
    case "text":
      return prose(part.markdown, fallback, "m.text", markup);
    case "tool_call":
    case "tool_result":
      return tools(parts, fallback);
    case "task_update":
      return lines(taskLines(parts), fallback);
    case "status":
      return lines([part.text], fallback, "m.notice");
    case "handoff":
      return lines([`→ ${partToText(part)}`], fallback);
    case "error":
      return prose(`⚠️ ${boundMarkdown(part.message || part.code).markdown}`, fallback, "m.notice", markup);
    case "approval_request":
      return request([part.prompt, ...subjectOf(part)], fallback, approvalAsk(part), markup);
    case "input_request":
      return form(part, fallback, markup);
  }
}

/** Tools whose names alone fill a message are a list without what they were given. */
function tools(parts: readonly ReplyPart[], fallback: string): Shown[] {
  const { text } = foldedTools(parts);
  if (text !== undefined) return [{ msgtype: "m.text", text, fallback }];
  return lines(
    foldTools(parts).map(({ name, sign }) => `${sign} ${name}`),
    fallback,
  );
}

/** Pieces of a split text are their own fallback: the whole text under each of them would read as said several times. */
function prose(markdown: string, fallback: string, msgtype: Shown["msgtype"], markup: MarkupOptions): Shown[] {
  const pieces = seenPieces(markdown, (source) =>
    toMatrixPieces(source, markup).filter(
      ({ body, html }) => body.trim() !== "" && html.replace(/<(?!hr)[^<>]*>|\s/gu, "") !== "",
    ),
  );
  return pieces.map((text) => ({ msgtype, text, fallback: pieces.length === 1 ? fallback : text.body }));
}

/** Lines of plain words; several are a list. Those beyond one event go on in another. */
function lines(words: readonly string[], fallback: string, msgtype: Shown["msgtype"] = "m.text"): Shown[] {
  const pieces = words.flatMap((line) => cutPieces(inertText(line), MAX_LINE_CHARS));
  const groups: string[][] = [];
  for (const piece of pieces) {
    const open = groups.at(-1);
    const grown = [...(open ?? []), piece];
    if (
      open === undefined ||
      contentBytes(listText(grown)) > MAX_CONTENT_BYTES ||
      grown.join("\n").length > SPLIT_CHARS
    )
      groups.push([piece]);
    else open.push(piece);
  }
  return groups.map((group) => {
    const text = listText(group);
    return { msgtype, text, fallback: groups.length === 1 ? fallback : text.body };
  });
}

function listText(words: readonly string[]): MatrixText {
  const items = words.map((line) => escapeHtml(line).replaceAll("\n", "<br>"));
  const html =
    items.length === 1 ? `<p>${items[0]}</p>` : `<ul>${items.map((item) => `<li>${item}</li>`).join("")}</ul>`;
  return { body: words.join("\n"), html, mentions: [] };
}

/** As code, and by itself: what is approved is read sign by sign, whatever the prompt leaves open. */
function subjectOf({ subject }: Extract<ReplyPart, { type: "approval_request" }>): string[] {
  return subject ? [fenced(subject, "")] : [];
}

/** A form that does not fit into the message that asks for it is put in words alone. */
function form(part: Extract<ReplyPart, { type: "input_request" }>, fallback: string, markup: MarkupOptions): Shown[] {
  const ask = inputAsk(part);
  if (Buffer.byteLength(JSON.stringify(ask)) <= MAX_ASK_BYTES) return request([part.prompt], fallback, ask, markup);
  return [...prose(part.prompt, fallback, "m.notice", markup), ...lines(inputLines(ask.fields), "", "m.notice")];
}

/** A question with how to answer it. What does not fit goes ahead in messages of its own; the last one is what people react to. */
function request(prompts: readonly string[], fallback: string, ask: Ask, markup: MarkupOptions): Shown[] {
  const how = ask.kind === "approval" ? approvalLines(ask.options, ask.id) : inputLines(ask.fields);
  const body = how.map(inertText).join("\n");
  const html = `<p>${how.map((line) => escapeHtml(inertText(line))).join("<br>")}</p>`;
  const room = Math.max(8_000, MAX_CONTENT_BYTES - 2 * Buffer.byteLength(JSON.stringify({ body, html, ask })));
  const pieces = joined(
    prompts.flatMap((prompt) => toMatrixPieces(prompt, markup, room)),
    room,
  );
  const last = pieces.at(-1);
  const ahead = pieces.slice(0, -1).map((text): Shown => ({ msgtype: "m.notice", text, fallback: text.body }));
  const text = {
    body: last === undefined ? body : `${last.body}\n\n${body}`,
    html: last === undefined ? html : `${last.html}${html}`,
    mentions: last?.mentions ?? [],
  };
  return [...ahead, { msgtype: "m.notice", text, fallback, ask }];
}

/** Neighbouring texts as one, as long as they fit. */
function joined(texts: readonly MatrixText[], maxBytes: number): MatrixText[] {
  const pieces: MatrixText[] = [];
  for (const text of texts) {
    const open = pieces.at(-1);
    if (open === undefined) {
      pieces.push(text);
      continue;
    }
    const together: MatrixText = {
      body: `${open.body}\n\n${text.body}`,
      html: open.html + text.html,
      mentions: [...new Set([...open.mentions, ...text.mentions])],
    };
    const fits = contentBytes(together) <= maxBytes && together.body.length <= MAX_TEXT_CHARS;
    pieces.splice(fits ? -1 : pieces.length, fits ? 1 : 0, fits ? together : text);
  }
  return pieces;
}

function approvalLines(options: Extract<Ask, { kind: "approval" }>["options"], id: string): string[] {
  const commands = options.map((option, index) => {
    const first = (effect: string): boolean => options.find((one) => one.effect === effect) === option;
    if (option.effect === "allow" && first("allow")) return "!approve";
    return option.effect === "deny" && first("deny") ? "!deny" : `!choose ${index + 1}`;
  });
  return [
    ...options.map((option, index) => `${option.sign} ${option.label} (${commands[index]})`),
    `React with a sign, answer this message with a command, or write for example ${withCode(commands[0] ?? "!approve", id)}`,
  ];
}

function withCode(command: string, id: string): string {
  const [verb = "", ...rest] = command.split(" ");
  return [verb, askCode(id), ...rest].join(" ");
}

function inputLines(fields: readonly AskField[]): string[] {
  const [only] = fields;
  const how =
    only !== undefined && fields.length === 1
      ? "Answer this message with the value."
      : `Answer this message with one line for each, such as "${only?.label ?? "name"}: …"`;
  return [...fields.map((field) => `• ${field.label}${choices(field)}`), how];
}

function choices(field: AskField): string {
  if (field.kind === "boolean") return " (yes or no)";
  const shown = field.options.slice(0, MAX_SHOWN_CHOICES).map((option) => option.label);
  return shown.length === 0 ? "" : ` (${shown.join(", ")}${field.options.length > shown.length ? ", …" : ""})`;
}

/** Packs what belongs together into as few events as their size allows, in order. */
class PostPacker {
  readonly #posts: RenderedPost[] = [];
  #open: Shown[] = [];

  add(shown: Shown): void {
    const alone = shown.ask !== undefined || shown.msgtype === "m.notice";
    const chars = this.#open.reduce((sum, one) => sum + one.text.body.length + 2, 0);
    const bytes = this.#open.reduce((sum, one) => sum + contentBytes(one.text), 0);
    const full =
      chars + shown.text.body.length > MAX_TEXT_CHARS || bytes + contentBytes(shown.text) > MAX_CONTENT_BYTES;
    if (alone || full || this.#open[0]?.msgtype === "m.notice") this.#flush();
    this.#open.push(shown);
    if (alone) this.#flush();
  }

  file(part: Extract<ReplyPart, { type: "artifact" }>, fallback: string): void {
    this.#flush();
    const { name, mediaType, base64 } = part;
    const body: PostBody = { kind: "upload", name, mediaType, base64, body: inertText(fallback) };
    this.#posts.push({ body: postBodyToJson(body), fallbackText: fallback });
  }

  finish(): readonly RenderedPost[] {
    this.#flush();
    return this.#posts;
  }

  #flush(): void {
    const open = this.#open;
    const [first] = open;
    if (first === undefined) return;
    this.#open = [];
    const body: PostBody = {
      kind: "message",
      msgtype: first.msgtype,
      body: open.map((one) => one.text.body).join("\n\n") || "(no text)",
      html: open.map((one) => one.text.html).join(""),
      mentions: [...new Set(open.flatMap((one) => one.text.mentions))],
      ...(first.ask === undefined ? {} : { ask: first.ask }),
    };
    const fallbackText =
      open
        .map((one) => one.fallback)
        .filter(Boolean)
        .join("\n") || "(no text)";
    this.#posts.push({ body: postBodyToJson(body), fallbackText });
  }
}
