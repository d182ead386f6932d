import { fenced } from "./markdown-safety.ts";
import { childrenOf, type MarkdownNode, parseMarkdown, rangeOf } from "./markdown-tree.ts";

/** A stretch of Markdown that stands on its own, and the blank that parts it from the one before. */
interface Piece {
  readonly glue: string;
  readonly text: string;
}

/**
 * Splits Markdown into texts of at most `maxChars` UTF-16 code units without losing a word.
 *
 * Cuts fall between blocks where they can, then between list items, table rows, lines of code, words; fences are closed and
 * opened again, table heads repeated. Only a word or a formatted run longer than the limit is cut itself.
 */
export function splitMarkdown(source: string, maxChars: number): string[] {
  if (source.length <= maxChars) return [source];
  const chunks: string[] = [];
  let open = "";
  for (const piece of piecesOf(source, maxChars)) {
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

function piecesOf(source: string, maxChars: number): Piece[] {
  const blocks = parseMarkdown(source).children;
  const pieces: Piece[] = [];
  let end = 0;
  for (const block of blocks) {
    const range = rangeOf(block);
    const glue = pieces.length === 0 ? "" : source.slice(end, range.start);
    const text = source.slice(lineStart(source, range.start), range.end);
    end = range.end;
    if (text.length <= maxChars) pieces.push({ glue: glue.replace(/[ \t]+$/u, ""), text });
    else
      pieces.push(
        ...splitBlock(block, text, maxChars).map((part, index) => ({
          ...part,
          glue: index === 0 ? "\n\n" : part.glue,
        })),
      );
  }
  return pieces;
}

/** Indentation before a block belongs to it: without it, an indented block would be another kind of block. */
function lineStart(source: string, offset: number): number {
  const start = source.lastIndexOf("\n", offset - 1) + 1;
  return source.slice(start, offset).trim() === "" ? start : offset;
}

function splitBlock(block: MarkdownNode, text: string, maxChars: number): Piece[] {
  switch (block.type) {
    case "code":
      return splitCode(block.value, block.lang ?? "", maxChars);
    case "list":
      return splitList(block, text, maxChars);
    case "table":
      return splitTable(text, maxChars);
    case "blockquote":
      return splitQuote(text, maxChars);
    default:
      return splitProse(text, maxChars);
  }
}

function splitCode(code: string, language: string, maxChars: number): Piece[] {
  const overhead = fenced("", language).length + 2 * longestBacktickRun(code);
  const room = Math.max(1, maxChars - overhead);
  return packLines(code.split("\n"), room).map((part) => ({ glue: "\n", text: fenced(part, language) }));
}

function longestBacktickRun(code: string): number {
  return Math.max(0, ...Array.from(code.matchAll(/`+/gu), (run) => run[0].length));
}

function splitList(list: MarkdownNode, text: string, maxChars: number): Piece[] {
  const base = rangeOf(list).start;
  const lead = text.length - (rangeOf(list).end - base);
  const items = childrenOf(list);
  const pieces: Piece[] = [];
  items.forEach((item, index) => {
    const range = rangeOf(item);
    const before = index === 0 ? range.start : rangeOf(items[index - 1] ?? item).end;
    const start = range.start - base + lead;
    const itemText = text.slice(index === 0 ? 0 : start, range.end - base + lead);
    const glue = text.slice(before - base + lead, start).replace(/[ \t]+$/u, "") || "\n";
    if (itemText.length <= maxChars) pieces.push({ glue, text: itemText });
    else pieces.push(...splitItem(itemText, maxChars));
  });
  return pieces;
}

/** An item over the limit: its first lines keep the marker, what follows goes on as blocks of their own. */
function splitItem(text: string, maxChars: number): Piece[] {
  const marker = /^\s*(?:[-*+]|\d{1,9}[.)])(?:\s+|$)/u.exec(text)?.[0] ?? "";
  const body = text
    .slice(marker.length)
    .split("\n")
    .map((line, index) => (index === 0 ? line : line.replace(new RegExp(`^ {0,${marker.length}}`, "u"), "")))
    .join("\n");
  return splitMarkdown(body, Math.max(1, maxChars - marker.length)).map((part, index) => ({
    glue: "\n",
    text: index === 0 ? marker + part : part,
  }));
}

function splitTable(text: string, maxChars: number): Piece[] {
  const [head = "", rule = "", ...rows] = text.split("\n");
  const top = `${head}\n${rule}\n`;
  if (top.length * 2 > maxChars || rows.some((row) => top.length + row.length > maxChars))
    return splitProse(text, maxChars);
  return packLines(rows, maxChars - top.length).map((part) => ({ glue: "\n\n", text: top + part }));
}

function splitQuote(text: string, maxChars: number): Piece[] {
  const inner = text.replace(/^ {0,3}> ?/gmu, "");
  // A quote mark and a space are added to every line; an empty line is one code unit, so three times is the worst case.
  return splitMarkdown(inner, Math.max(1, Math.floor(maxChars / 3))).map((part) => ({
    glue: "\n",
    text: part.replace(/^/gmu, "> "),
  }));
}

/** Paragraphs and headings: cut at blanks outside links, code and emphasis, else at any blank, else anywhere but inside a character. */
function splitProse(text: string, maxChars: number): Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  while (rest.length > maxChars) {
    const at = cutPoint(rest, maxChars);
    pieces.push({ glue: "\n", text: rest.slice(0, at).trimEnd() });
    rest = rest.slice(at).trimStart();
  }
  if (rest !== "") pieces.push({ glue: "\n", text: rest });
  return pieces.filter((piece) => piece.text !== "");
}

function cutPoint(text: string, maxChars: number): number {
  const closed = closedRanges(text.slice(0, maxChars * 2));
  let anyBlank = 0;
  for (let at = maxChars; at > maxChars / 2; at--) {
    if (!/\s/u.test(text[at] ?? " ")) continue;
    if (!closed.some((range) => range.start < at && at < range.end)) return at;
    anyBlank ||= at;
  }
  if (anyBlank > 0) return anyBlank;
  // An entity or a mention is one sign too: cut before it.
  const sign = /(?:&[#\w]{0,30}|<[^<>\s]{0,60}|[\ud800-\udbff]|\\)$/u.exec(text.slice(0, maxChars))?.index ?? maxChars;
  return sign > 0 ? sign : maxChars;
}

function closedRanges(text: string): { start: number; end: number }[] {
  return parseMarkdown(text).children.flatMap((block) =>
    childrenOf(block)
      .filter((inline) => inline.type !== "text" && inline.type !== "break")
      .map(rangeOf),
  );
}

/** Joins lines into texts of at most `room`; a longer line is cut between characters. */
function packLines(lines: readonly string[], room: number): string[] {
  const packed: string[] = [];
  let open: string | undefined;
  for (const line of lines.flatMap((one) => cutLine(one, room))) {
    if (open !== undefined && open.length + 1 + line.length <= room) open += `\n${line}`;
    else {
      if (open !== undefined) packed.push(open);
      open = line;
    }
  }
  if (open !== undefined) packed.push(open);
  return packed;
}

function cutLine(line: string, room: number): string[] {
  const parts: string[] = [];
  let rest = line;
  while (rest.length > room) {
    const last = rest.charCodeAt(room - 1);
    const at = last >= 0xd800 && last <= 0xdbff && room > 1 ? room - 1 : room;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return [...parts, rest];
}
