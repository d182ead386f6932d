import { boundMarkdown } from "../shared/markdown-bound.ts";
import { WORD_JOINER } from "../shared/markdown-safety.ts";
import { MAX_MARKDOWN_CHARS, type MarkupOptions, toSlackMarkdown } from "./markup.ts";

/** Previews stop growing here; the final text is split properly. */
const MAX_PREVIEW_CHARS = MAX_MARKDOWN_CHARS - 1_000;
/** Previews are made about once a second: what takes longer to parse is shown as plain text until the end. */
const PREVIEW_BUDGET_US = 50_000;

const FENCE_LINE = /^[ \t>]*(?:`{3,}|~{3,})/u;

/** The text of a preview that is replaced as a whole at each edit. */
export function editablePreview(markdown: string, markup: MarkupOptions): string {
  return toSlackMarkdown(beginningOf(markdown), markup).slice(0, MAX_MARKDOWN_CHARS);
}

function beginningOf(markdown: string): string {
  return boundMarkdown(markdown.slice(0, MAX_PREVIEW_CHARS), PREVIEW_BUDGET_US).markdown;
}

/**
 * What a stream that already shows `shown` may append of the text so far; empty when nothing is certain yet.
 *
 * A stream can only grow, so a word is appended when no later character can change what it means: links, code and
 * sequences in brackets wait until they are whole. Undefined when the text no longer continues what is shown.
 */
export function nextIncrement(shown: string, markdown: string, markup: MarkupOptions): string | undefined {
  const safe = inertInFences(toSlackMarkdown(stableBeginningOf(markdown), markup));
  // An open fence was closed for safety's sake; in a stream it stays open until its real end comes.
  const text = fenceIsOpen(markdown) ? safe.replace(/\n(?:`{3,}|~{3,})$/u, "") : safe;
  if (text.length <= shown.length) return shown.startsWith(text) ? "" : undefined;
  return text.startsWith(shown) ? text.slice(shown.length) : undefined;
}

/** While a fence is open, its code may be read as prose: addresses in it are no links before the final text comes. */
function inertInFences(markdown: string): string {
  if (!markdown.includes("://")) return markdown;
  let inside = false;
  return markdown
    .split("\n")
    .map((line) => {
      if (FENCE_LINE.test(line)) inside = !inside;
      return inside ? line.replaceAll("://", `:${WORD_JOINER}//`) : line;
    })
    .join("\n");
}

/** In a stream, what was shown cannot become plain text later: nothing is changed, and what takes too long waits for the end. */
function stableBeginningOf(markdown: string): string {
  const stable = stablePart(markdown.slice(0, MAX_PREVIEW_CHARS));
  const { simplified, markdown: bounded } = boundMarkdown(stable, PREVIEW_BUDGET_US);
  return simplified ? commonBeginning(stable, bounded) : stable;
}

function commonBeginning(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return one.slice(0, one.lastIndexOf("\n", length) + 1);
}

function stablePart(markdown: string): string {
  const lastBlank = Math.max(markdown.lastIndexOf(" "), markdown.lastIndexOf("\n"));
  const words = markdown.slice(0, lastBlank + 1);
  if (fenceIsOpen(words)) return words.slice(0, words.lastIndexOf("\n") + 1);
  const paragraphStart = words.lastIndexOf("\n\n") + 1;
  const open = /[[<`!&\\]/u.exec(words.slice(paragraphStart));
  if (open === null) return words;
  // Something with brackets began in this paragraph: whole lines that close all they open may go, the rest waits.
  const at = paragraphStart + open.index;
  const rest = words.slice(at);
  return isBalanced(rest) ? words : words.slice(0, at);
}

function isBalanced(text: string): boolean {
  const count = (sign: RegExp): number => text.match(sign)?.length ?? 0;
  return (
    count(/\[/gu) === count(/\]/gu) &&
    count(/\(/gu) === count(/\)/gu) &&
    count(/</gu) === count(/>/gu) &&
    count(/`/gu) % 2 === 0 &&
    !/[\]!\\&]\s?$/u.test(text)
  );
}

function fenceIsOpen(markdown: string): boolean {
  return markdown.split("\n").filter((line) => FENCE_LINE.test(line)).length % 2 === 1;
}
