import { encodeSigns } from "./markdown-inert.ts";
import { maskStretches, stretchesOf } from "./markdown-stretches.ts";
import { childrenOf, hasRange, type MarkdownNode, parseMarkdown, rangeOf, walkMarkdown } from "./markdown-tree.ts";

type Definition = Extract<MarkdownNode, { type: "definition" }>;
type Reference = Extract<MarkdownNode, { type: "linkReference" | "imageReference" }>;

/** Most that writing addresses out may add to a text, in UTF-16 code units: one long address may be referred to a thousand times. */
const MAX_ADDED_CHARS = 20_000;
const CONTROL = /[\u0000-\u001f\u007f]/gu;

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Markdown that means the same without link definitions, so that no cut and no renderer can part a link from its address.
 *
 * `[docs][1]` with `[1]: https://…` becomes `[docs](https://…)` and its definition goes; a definition that nothing refers to
 * (a line of a log such as `[ERROR]: timeout`) and a footnote without its mark are words, and stay as words. Everything else
 * is kept character by character. Pure; applying it twice changes nothing more.
 */
export function withoutReferences(source: string): string {
  if (!source.includes("]:")) return source;
  const root = parseMarkdown(maskStretches(source, stretchesOf(source), ({ isFence }) => !isFence));
  const definitions: Definition[] = [];
  const references = new Map<string, Reference[]>();
  const notes: MarkdownNode[] = [];
  const marks = new Set<string>();
  walkMarkdown(root, (node) => {
    if (node.type === "definition") definitions.push(node);
    else if (node.type === "linkReference" || node.type === "imageReference")
      references.set(node.identifier, [...(references.get(node.identifier) ?? []), node]);
    else if (node.type === "footnoteDefinition") notes.push(node);
    else if (node.type === "footnoteReference") marks.add(node.identifier);
    return true;
  });
  const edits: Edit[] = [];
  const asWords = (node: MarkdownNode): void => {
    const { start } = rangeOf(node);
    edits.push({ start, end: start, text: "\\" });
  };
  let room = MAX_ADDED_CHARS;
  const resolved = new Set<string>();
  for (const definition of definitions) {
    const uses = references.get(definition.identifier) ?? [];
    const target = targetOf(definition);
    const added = target.length * uses.length;
    // The first one counts; one that is not referred to, or too often for its length, is words.
    if (uses.length === 0 || resolved.has(definition.identifier) || added > room || !uses.every(hasRange)) {
      asWords(definition);
      continue;
    }
    room -= added;
    resolved.add(definition.identifier);
    edits.push({ ...rangeOf(definition), text: "" });
    for (const use of uses) edits.push(tailEdit(use, source, target));
  }
  for (const note of notes) if (note.type === "footnoteDefinition" && !marks.has(note.identifier)) asWords(note);
  for (const offset of partings(childrenOf(root), source, resolved))
    edits.push({ start: offset, end: offset, text: "\n" });
  return applied(source, edits);
}

/** What follows the words of a link: `(address "title")`. */
function targetOf({ url, title }: Definition): string {
  const address = encodeSigns(url)
    .replace(CONTROL, encodeURIComponent)
    .replace(/&(?=#?\w+;)/gu, "&amp;");
  const words = title && !/["\\`|&\n]/u.test(title) ? ` "${title}"` : "";
  return `(${address === "" ? "<>" : address}${words})`;
}

/** `[words][id]`, `[words][]` and `[words]` keep their words as they were written. */
function tailEdit(reference: Reference, source: string, target: string): Edit {
  const { start, end } = rangeOf(reference);
  if (reference.referenceType === "shortcut") return { start: end, end, text: target };
  // No unescaped bracket may stand inside the id.
  return { start: start + source.slice(start, end).lastIndexOf("][") + 1, end, text: target };
}

/** Where a blank line has to keep what became words from running into the block on the line behind it. */
function partings(blocks: readonly MarkdownNode[], source: string, resolved: ReadonlySet<string>): readonly number[] {
  return blocks.flatMap((block, index) => {
    const next = blocks[index + 1];
    if (block.type !== "definition" || resolved.has(block.identifier) || next === undefined) return [];
    const { start } = rangeOf(next);
    const adjacent = source.slice(rangeOf(block).end, start).split("\n").length === 2;
    const isWords = next.type === "definition" || (next.type === "paragraph" && source[start] !== "=");
    return adjacent && !isWords ? [source.lastIndexOf("\n", start - 1) + 1] : [];
  });
}

function applied(source: string, edits: readonly Edit[]): string {
  let result = "";
  let from = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    result += source.slice(from, start) + text;
    from = end;
  }
  return result + source.slice(from);
}
