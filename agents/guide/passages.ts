import type { DocumentSearch, Passage } from "./search.ts";

const MAX_PASSAGE_CHARS = 1_400;
const MAX_PASSAGES = 3;
/** A further passage is shown only when it is nearly as good as the best. */
const NEARLY = 0.6;

/** Guarantees the passages worth showing for a question: the best and what comes close to it. */
export function findPassages(search: DocumentSearch, question: string): readonly Passage[] {
  const found = search.find(question, MAX_PASSAGES);
  const best = found[0]?.score ?? 0;
  return found.filter((passage) => passage.score >= best * NEARLY);
}

/** Guarantees a passage as Markdown with where it stands, cut between paragraphs and never within a block of code. */
export function showPassage(passage: Passage): string {
  const { section } = passage;
  const { text, isCut } = cut(section.markdown);
  const source = `${section.document}, “${section.headings.at(-1) ?? section.document}”`;
  return `${text}\n\n*From ${source}${isCut ? " (it goes on there)" : ""}.*`;
}

function cut(markdown: string): { text: string; isCut: boolean } {
  if (markdown.length <= MAX_PASSAGE_CHARS) return { text: markdown, isCut: false };
  const kept: string[] = [];
  let chars = 0;
  let isInCode = false;
  for (const line of markdown.split("\n")) {
    const isBreak = !isInCode && line.trim() === "";
    if (isBreak && chars > MAX_PASSAGE_CHARS / 2) break;
    // A single endless paragraph or block of code has no better place to be cut.
    if (chars + line.length > 3 * MAX_PASSAGE_CHARS) break;
    if (/^\s*(```|~~~)/.test(line)) isInCode = !isInCode;
    kept.push(line);
    chars += line.length + 1;
  }
  if (isInCode) kept.push("```");
  const text = kept.join("\n").trim();
  return { text: text === "" ? `${markdown.slice(0, MAX_PASSAGE_CHARS).toWellFormed()} …` : text, isCut: true };
}
