import type { ReplyPart } from "../../src/envelope/reply.ts";

export interface LongTextLimits {
  /** Most text of a reply that goes out as posts, in UTF-16 code units; beyond it the longest texts become files. */
  readonly maxPostedChars: number;
  /** Length of what is said about a file beside it, at most, in UTF-16 code units. */
  readonly headChars: number;
}

const FILE_TYPE = "text/markdown; charset=utf-8";

/** Indexes of the text parts that go as files: the longest first, until what is left may be posted. Usually none. */
export function longTextsOf(parts: readonly ReplyPart[], { maxPostedChars }: LongTextLimits): ReadonlySet<number> {
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

/**
 * Replaces texts that would flood a conversation by their beginning and a Markdown file with the whole of them; pure.
 *
 * Short replies come back as they are. The files are ordinary artifacts, so that an adapter renders them like any other.
 */
export function longTextsAsFiles(parts: readonly ReplyPart[], limits: LongTextLimits): readonly ReplyPart[] {
  const long = longTextsOf(parts, limits);
  if (long.size === 0) return parts;
  return parts.flatMap((part, index): ReplyPart[] => {
    if (part.type !== "text" || !long.has(index)) return [part];
    const name = long.size === 1 ? "answer.md" : `answer-${[...long].toSorted((a, b) => a - b).indexOf(index) + 1}.md`;
    return [
      { type: "text", markdown: `${headOf(part.markdown, limits.headChars)}\n\n(The whole text is in ${name}.)` },
      {
        type: "artifact",
        artifactId: `long-text-${index}`,
        name,
        mediaType: FILE_TYPE,
        base64: Buffer.from(part.markdown, "utf8").toString("base64"),
      },
    ];
  });
}

/** The first paragraph without what would need its end (fences, tables, links), cut at a word. */
function headOf(markdown: string, maxChars: number): string {
  const paragraph =
    markdown
      .slice(0, maxChars * 4)
      .trimStart()
      .split(/\n\s*\n|\n(?=[ \t>]*(?:[`~]{3}|\|))/u, 1)[0] ?? "";
  if (/^[ \t>]*(?:[`~]{3}|\|)/u.test(paragraph)) return "…";
  if (paragraph.length <= maxChars) return paragraph.trimEnd();
  const cut = paragraph.slice(0, maxChars);
  const blank = cut.search(/\s\S*$/u);
  return `${(blank > maxChars / 2 ? cut.slice(0, blank) : cut)
    .toWellFormed()
    .replace(/\ufffd$/u, "")
    .trimEnd()}…`;
}
