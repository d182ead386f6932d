import type { ReplyPart } from "../../src/envelope/reply.ts";
import { boundMarkdown, REPLY_BUDGET_US } from "./markdown-bound.ts";
import { withoutReferences } from "./markdown-references.ts";

export interface ReplyLimits {
  /** Most text of a reply that goes out as posts, in UTF-16 code units; beyond it the longest texts become files. Default: any. */
  readonly maxPostedChars?: number;
  /** Length of what is said about a file beside it, at most, in UTF-16 code units. Default 600. */
  readonly headChars?: number;
  /** Set where an empty file cannot be sent: then its name stands for it. */
  readonly refusesEmptyFiles?: boolean;
}

export interface PreparedReply {
  /** What is to be rendered: every text quick to parse, none longer than a conversation bears. */
  readonly parts: readonly ReplyPart[];
  /** For each of `parts`, the index of the part that it was made of. */
  readonly originals: readonly number[];
  /** Indexes of the original parts of which something is shown as plain text, because its markup is too much. */
  readonly simplified: ReadonlySet<number>;
  /** Indexes of the original text parts that are their beginning and a file now. */
  readonly asFiles: ReadonlySet<number>;
}

const DEFAULT_HEAD_CHARS = 600;
const FILE_TYPE = "text/markdown; charset=utf-8";

/**
 * Makes a reply fit for rendering, on every platform the first step; pure.
 *
 * Texts that would flood a conversation become their beginning and a Markdown file with the whole of them; the rest is bounded
 * by `boundMarkdown` within one budget for the whole reply, and its links carry their addresses. The subject of an approval is
 * literal on every platform, and no Markdown. Ordinary replies come back as they are.
 */
export function prepareReply(parts: readonly ReplyPart[], limits: ReplyLimits = {}): PreparedReply {
  const asFiles = longTextsOf(parts, limits.maxPostedChars ?? Number.POSITIVE_INFINITY);
  const simplified = new Set<number>();
  let budgetUs = REPLY_BUDGET_US;
  const bound = (markdown: string, index: number): string => {
    const bounded = boundMarkdown(markdown, budgetUs);
    budgetUs = Math.max(0, budgetUs - bounded.costUs);
    if (bounded.simplified) simplified.add(index);
    return withoutReferences(bounded.markdown);
  };
  const prepare = (part: ReplyPart, index: number): ReplyPart[] => {
    switch (part.type) {
      case "text":
        if (asFiles.has(index))
          return headAndFile(part.markdown, fileName(asFiles, index), limits.headChars ?? DEFAULT_HEAD_CHARS);
        return [{ ...part, markdown: bound(part.markdown, index) }];
      case "approval_request":
        return [{ ...part, prompt: bound(part.prompt, index) }];
      case "input_request":
        return [{ ...part, prompt: bound(part.prompt, index) }];
      case "artifact":
        return [limits.refusesEmptyFiles && isEmptyFile(part) ? emptyFile(part) : part];
      default:
        return [part];
    }
  };
  const prepared = parts.flatMap((part, index) => prepare(part, index).map((made) => ({ made, index })));
  return {
    parts: prepared.map(({ made }) => made),
    originals: prepared.map(({ index }) => index),
    simplified,
    asFiles,
  };
}

/** A file without a byte is nothing that Slack, Discord or Matrix take. */
function isEmptyFile({ base64 }: Extract<ReplyPart, { type: "artifact" }>): boolean {
  return base64.length < 8 && Buffer.byteLength(base64, "base64") === 0;
}

function emptyFile({ name, fallbackText }: Extract<ReplyPart, { type: "artifact" }>): ReplyPart {
  const markdown = `\`${name.replaceAll("`", "'").replace(/\s+/gu, " ")}\` (an empty file)`;
  return { type: "text", markdown, ...(fallbackText === undefined ? {} : { fallbackText }) };
}

/** The longest texts first, until what is left may be posted. */
function longTextsOf(parts: readonly ReplyPart[], maxPostedChars: number): ReadonlySet<number> {
  const texts = parts.flatMap((part, index) => (part.type === "text" ? [{ index, chars: part.markdown.length }] : []));
  let left = texts.reduce((sum, text) => sum + text.chars, 0);
  const long = new Set<number>();
  for (const text of texts.toSorted((a, b) => b.chars - a.chars)) {
    if (left <= maxPostedChars) break;
    long.add(text.index);
    left -= text.chars;
  }
  return long;
}

function fileName(asFiles: ReadonlySet<number>, index: number): string {
  if (asFiles.size === 1) return "answer.md";
  return `answer-${[...asFiles].toSorted((a, b) => a - b).indexOf(index) + 1}.md`;
}

function headAndFile(markdown: string, name: string, headChars: number): ReplyPart[] {
  return [
    {
      type: "text",
      markdown: `${withAddresses(headOf(markdown, headChars), markdown)}\n\n(The whole text is in ${name}.)`,
    },
    {
      type: "artifact",
      artifactId: `text:${name}`,
      name,
      mediaType: FILE_TYPE,
      base64: Buffer.from(markdown, "utf8").toString("base64"),
    },
  ];
}

/** The links of the beginning, whose definitions may stand at the end of the whole. */
function withAddresses(head: string, markdown: string): string {
  if (!head.includes("[")) return head;
  const needed = new Map<string, string>();
  for (const [line, label = ""] of markdown.matchAll(/^ {0,3}\[([^[\]\n]{1,200})\]:[^\n]*$/gmu))
    if (!needed.has(label) && head.includes(`[${label}]`)) needed.set(label, line);
  return withoutReferences([head, "", ...needed.values()].join("\n")).trimEnd();
}

/** The first paragraph without what would need its end (fences, tables), cut at a word. */
function headOf(markdown: string, maxChars: number): string {
  const beginning = markdown.trimStart().slice(0, maxChars * 4);
  const paragraph = beginning.split(/\n[ \t]*\n|\n(?=[ \t>]*(?:[`~]{3}|\|))/u, 1)[0] ?? "";
  if (/^[ \t>]*(?:[`~]{3}|\|)/u.test(paragraph)) return "…";
  if (paragraph.length <= maxChars) return boundMarkdown(paragraph.trimEnd(), REPLY_BUDGET_US / 10).markdown;
  const cut = paragraph.slice(0, maxChars);
  const blank = cut.search(/\s\S*$/u);
  const words = blank > maxChars / 2 ? cut.slice(0, blank) : cut.toWellFormed().replace(/\ufffd$/u, "");
  return boundMarkdown(`${words.trimEnd()}…`, REPLY_BUDGET_US / 10).markdown;
}
