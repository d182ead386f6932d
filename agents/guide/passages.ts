import { type DocumentSearch, type Passage, significantTerms } from "./search.ts";
import type { Section } from "./sections.ts";

const MAX_PASSAGE_CHARS = 1_400;
const MAX_PASSAGES = 3;
/** A further passage is shown only when it is nearly as good as the best. */
const NEARLY = 0.6;

/** Guarantees the passages worth showing for a question: the best and what comes close to it. */
export function findPassages(search: DocumentSearch, question: string): readonly Passage[] {
  const found = search.find(question, { limit: MAX_PASSAGES, share: 0.5 });
  const best = found[0]?.score ?? 0;
  return found.filter((passage) => passage.score >= best * NEARLY);
}

/** Guarantees at most one passage, and only one that holds every word of the question: beside facts that answer it, less would distract. */
export function findCompanion(search: DocumentSearch, question: string): readonly Passage[] {
  return significantTerms(question).length < 2 ? [] : search.find(question, { limit: 1, share: 1 });
}

/** Below this length a section is hardly more than its heading, and what stands under it is what was asked for. */
const SHORT_CHARS = 400;

/** Guarantees a passage as Markdown with where it stands; a short one goes on with the sections under it. Cut between paragraphs, never within code. */
export function showPassage(passage: Passage, below: readonly Section[]): string {
  const { section } = passage;
  let whole = withoutImages(section.markdown);
  for (const next of section.markdown.length < SHORT_CHARS ? below : []) {
    whole += `\n\n**${next.headings.at(-1) ?? ""}**\n\n${withoutImages(next.markdown)}`;
    if (whole.length > MAX_PASSAGE_CHARS) break;
  }
  const { text, isCut } = cut(whole);
  const source = `${section.document}, “${section.headings.at(-1) ?? section.document}”`;
  return `${text}\n\n*From ${source}${isCut ? " (it goes on there)" : ""}.*`;
}

/** Pictures of the documentation are files beside it, which a chat cannot show. */
function withoutImages(markdown: string): string {
  return markdown
    .replace(/^!\[[^\]]*\]\([^)]*\)\s*$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
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
