import { fenceOf, readFence } from "./markdown-fence.ts";
import { stretchesOf } from "./markdown-stretches.ts";
import { childrenOf, type MarkdownNode, parseMarkdown, rangeOf } from "./markdown-tree.ts";
import { cutPieces, cutPlace } from "./text-cut.ts";

/** A stretch of Markdown that stands on its own, and the blank that parts it from the one before. */
interface Piece {
  readonly glue: string;
  readonly text: string;
}

/** Lists and quotes that are looked into; what is deeper is cut at lines and words. */
const MAX_DEPTH = 4;
/** What is looked at before a cut for the beginning of a link, code or emphasis that must not be cut, in UTF-16 code units. */
const WINDOW_CHARS = 2_000;

/**
 * Splits Markdown into texts of at most `maxChars` UTF-16 code units without losing a word.
 *
 * Cuts fall between blocks where they can, then between list items, table rows, lines of code, words; fences are closed and
 * opened again with the same info string, table heads repeated, list items keep their numbers. Only a word or a formatted run
 * longer than the limit is cut itself, between characters that people see. Blanks at the cuts are dropped.
 */
export function splitMarkdown(source: string, maxChars: number): string[] {
  if (source.length <= maxChars) return [source];
  // Quotes in quotes have more marks than a very low limit has room for.
  return packed(piecesOf(source, maxChars, 0), maxChars).flatMap((piece) => cutPieces(piece, maxChars));
}

function packed(pieces: readonly Piece[], maxChars: number): string[] {
  const chunks: string[] = [];
  let open = "";
  for (const piece of pieces) {
    if (open !== "" && open.length + piece.glue.length + piece.text.length <= maxChars) {
      open += piece.glue + piece.text;
      continue;
    }
    if (open !== "") chunks.push(open);
    open = piece.text;
  }
  if (open !== "") chunks.push(open);
  return chunks;
}

/** Only a stretch over the limit is parsed: most texts are cut between paragraphs. */
function piecesOf(source: string, maxChars: number, depth: number): Piece[] {
  const pieces: Piece[] = [];
  let glue = "";
  for (const stretch of stretchesOf(source)) {
    const whole = source.slice(stretch.start, stretch.end);
    const body = whole.replace(/^(?:[ \t]*\n)+/u, "");
    const text = body.trimEnd();
    if (text === "") continue;
    const own =
      text.length <= maxChars
        ? [{ glue, text }]
        : stretch.isFence
          ? splitFence(text, maxChars)
          : blockPieces(text, maxChars, depth);
    pieces.push(...own.map((piece, index) => (index === 0 ? { ...piece, glue } : piece)));
    glue = body.slice(text.length).replace(/[^\n]/gu, "") || "\n\n";
  }
  return pieces;
}

function blockPieces(source: string, maxChars: number, depth: number): Piece[] {
  if (depth > MAX_DEPTH) return splitProse(source, maxChars, false);
  const pieces: Piece[] = [];
  let end = 0;
  for (const block of parseMarkdown(source).children) {
    const range = rangeOf(block);
    const glue = source.slice(end, range.start).replace(/[ \t]+$/u, "");
    const text = source.slice(lineStart(source, range.start), range.end);
    end = range.end;
    if (text.length <= maxChars) pieces.push({ glue, text });
    else
      pieces.push(
        ...splitBlock(block, text, maxChars, depth).map((part, index) => (index === 0 ? { ...part, glue } : part)),
      );
  }
  return pieces;
}

/** Indentation before a block belongs to it: without it, an indented block would be another kind of block. */
function lineStart(source: string, offset: number): number {
  const start = source.lastIndexOf("\n", offset - 1) + 1;
  return source.slice(start, offset).trim() === "" ? start : offset;
}

function splitBlock(block: MarkdownNode, text: string, maxChars: number, depth: number): Piece[] {
  switch (block.type) {
    case "code":
      return splitCode(block.value, infoOf(block, text), maxChars);
    case "list":
      return splitList(block, text, maxChars, depth);
    case "table":
      return splitTable(text, maxChars);
    case "blockquote":
      return splitQuote(text, maxChars, depth);
    default:
      return splitProse(text, maxChars, true);
  }
}

/** The info string as it was written, on one line and without what could end it. */
function infoOf(block: Extract<MarkdownNode, { type: "code" }>, text: string): string {
  if (!/^\s*(?:`{3}|~{3})/u.test(text)) return "";
  return `${block.lang ?? ""}${block.meta ? ` ${block.meta}` : ""}`.replace(/[`\n\r]/gu, "").slice(0, 200);
}

function splitFence(text: string, maxChars: number): Piece[] {
  const { code, info } = readFence(text);
  return splitCode(code, info.replaceAll("`", "").slice(0, 200), maxChars);
}

function splitCode(code: string, info: string, maxChars: number): Piece[] {
  const fence = fenceOf(code);
  const overhead = 2 * fence.length + info.length + 2;
  // With less room than this the fences would take more than the code.
  if (overhead * 2 > maxChars) return splitProse(code, maxChars, false);
  return packLines(code.split("\n"), maxChars - overhead).map((part) => ({
    glue: "\n",
    text: `${fence}${info}\n${part}\n${fence}`,
  }));
}

function splitList(
  list: Extract<MarkdownNode, { type: "list" }>,
  text: string,
  maxChars: number,
  depth: number,
): Piece[] {
  const base = rangeOf(list).start - (text.length - (rangeOf(list).end - rangeOf(list).start));
  const items = childrenOf(list);
  const pieces: Piece[] = [];
  let beforeWasCut = false;
  items.forEach((item, index) => {
    const range = rangeOf(item);
    const before = index === 0 ? range.start : rangeOf(items[index - 1] ?? item).end;
    const written = text.slice(index === 0 ? 0 : range.start - base, range.end - base);
    const itemText = list.ordered ? numbered(written, (list.start ?? 1) + index) : written;
    const blank = text.slice(before - base, range.start - base).replace(/[ \t]+$/u, "") || "\n";
    // The rest of an item that was cut is a paragraph, which the next item would only go on.
    const glue = beforeWasCut ? "\n\n" : blank;
    beforeWasCut = itemText.length > maxChars;
    if (!beforeWasCut) pieces.push({ glue, text: itemText });
    else
      pieces.push(
        ...splitItem(itemText, maxChars, depth).map((piece, place) => (place === 0 ? { ...piece, glue } : piece)),
      );
  });
  return pieces;
}

/** An item that begins a post must say its number: `1. 1. 1.` counts on its own only within one list. */
function numbered(item: string, number: number): string {
  const [lead = "", digits = ""] = /^(\s*)(\d{1,9})/u.exec(item)?.slice(1) ?? [];
  if (digits === "" || Number(digits) === number) return item;
  const shift = " ".repeat(Math.max(0, `${number}`.length - digits.length));
  return `${lead}${number}${item.slice(lead.length + digits.length).replace(/\n(?=[^\n])/gu, `\n${shift}`)}`;
}

/** An item over the limit: its first lines keep the marker, what follows goes on as blocks of their own. */
function splitItem(text: string, maxChars: number, depth: number): Piece[] {
  const marker = /^\s*(?:[-*+]|\d{1,9}[.)])(?:\s+|$)/u.exec(text)?.[0] ?? "";
  const dedent = new RegExp(`^ {0,${marker.length}}`, "u");
  const body = text
    .slice(marker.length)
    .split("\n")
    .map((line, index) => (index === 0 ? line : line.replace(dedent, "")))
    .join("\n");
  const room = Math.max(1, maxChars - marker.length);
  const parts = body.length <= room ? [body] : packed(piecesOf(body, room, depth + 1), room);
  return parts.map((part, index) => ({ glue: "\n", text: index === 0 ? marker + part : part }));
}

function splitTable(text: string, maxChars: number): Piece[] {
  const [head = "", rule = "", ...rows] = text.split("\n");
  const top = `${head}\n${rule}\n`;
  if (top.length * 2 > maxChars || rows.some((row) => top.length + row.length > maxChars))
    return splitProse(text, maxChars, false);
  return packLines(rows, maxChars - top.length).map((part) => ({ glue: "\n\n", text: top + part }));
}

function splitQuote(text: string, maxChars: number, depth: number): Piece[] {
  const inner = text.replace(/^ {0,3}> ?/gmu, "");
  const parts = (room: number): string[] =>
    packed(piecesOf(inner, room, depth + 1), room).map((part) => part.replace(/^/gmu, "> "));
  // A quote mark and a blank are added to every line: little for prose, and three times as much for empty lines.
  const quoted = parts(Math.max(1, Math.floor(maxChars * 0.8)));
  const fits = quoted.every((part) => part.length <= maxChars);
  return (fits ? quoted : parts(Math.max(1, Math.floor(maxChars / 3)))).map((part) => ({ glue: "\n", text: part }));
}

/** Paragraphs and headings: cut at blanks outside links, code and emphasis, else at any blank, else anywhere but inside a character. */
function splitProse(text: string, maxChars: number, looksForMarkup: boolean): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  while (text.length - from > maxChars) {
    const at = from + cutPoint(text.slice(from, from + maxChars + WINDOW_CHARS), maxChars, looksForMarkup);
    pieces.push({ glue: "\n", text: text.slice(from, at).trimEnd() });
    from = at;
    while (from < text.length && /\s/u.test(text[from] ?? "")) from += 1;
  }
  pieces.push({ glue: "\n", text: text.slice(from) });
  return pieces.filter((piece) => piece.text !== "");
}

function cutPoint(text: string, maxChars: number, looksForMarkup: boolean): number {
  const closed = looksForMarkup ? closedRanges(text, maxChars) : [];
  let anyBlank = 0;
  for (let at = maxChars; at > maxChars / 2; at--) {
    if (!/\s/u.test(text[at] ?? " ")) continue;
    if (!closed.some((range) => range.start < at && at < range.end)) return at;
    anyBlank ||= at;
  }
  if (anyBlank > 0) return anyBlank;
  // An entity, an escape or a mention is one sign too: cut before it.
  const sign = /(?:&[#\w]{0,30}|<[^<>\s]{0,60}|\\)$/u.exec(text.slice(0, maxChars))?.index ?? maxChars;
  return cutPlace(text, sign > 0 ? sign : maxChars);
}

/** Links, code and emphasis around the place of a cut. */
function closedRanges(text: string, maxChars: number): { start: number; end: number }[] {
  // No wider than a piece: then all windows together are hardly longer than the text.
  const window = Math.min(WINDOW_CHARS, maxChars);
  const from = Math.max(0, text.lastIndexOf(" ", maxChars - window) + 1);
  return parseMarkdown(text.slice(from, maxChars + window)).children.flatMap((block) =>
    childrenOf(block)
      .filter((inline) => inline.type !== "text" && inline.type !== "break" && inline.position !== undefined)
      .map((inline) => ({ start: rangeOf(inline).start + from, end: rangeOf(inline).end + from })),
  );
}

/** Joins lines into texts of at most `room`; a longer line is cut between characters. */
function packLines(lines: readonly string[], room: number): string[] {
  const joined: string[] = [];
  let open: string | undefined;
  for (const line of lines.flatMap((one) => cutPieces(one, room))) {
    if (open !== undefined && open.length + 1 + line.length <= room) open += `\n${line}`;
    else {
      if (open !== undefined) joined.push(open);
      open = line;
    }
  }
  if (open !== undefined) joined.push(open);
  return joined;
}
