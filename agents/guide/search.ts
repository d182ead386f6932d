import MiniSearch from "minisearch";
import type { Section } from "./sections.ts";

export interface Passage {
  readonly section: Section;
  readonly score: number;
}

/** Finds passages of the documentation. */
export interface DocumentSearch {
  /** Passages that hold at least this share (0 to 1) of the question's own words, best first. */
  find(question: string, options: { readonly limit: number; readonly share: number }): readonly Passage[];
  /** The sections under a section's heading, in their order. */
  below(section: Section): readonly Section[];
  /** Main topics of the documentation, for a reader who does not know what to ask. */
  topics(limit: number): readonly string[];
}

/** Words that say how one asks, not what about; a question is measured by the rest. */
const STOP_WORDS = new Set(
  "a an and any are all am anyone as at be by can could do does did for from get give has have help here how i if is in into is it its me my not of on or our please should show so some tell than that the there their them then there they this to us use was we what when where which who why will with would you your about explain need want work works parley".split(
    " ",
  ),
);
const MAX_TERMS = 12;

/** Guarantees a search over the sections; common words of a question count for nothing. */
export function createDocumentSearch(sections: readonly Section[]): DocumentSearch {
  const index = new MiniSearch<IndexedSection>({
    fields: ["title", "trail", "text"],
    processTerm: (term) => stem(term.toLowerCase()),
  });
  index.addAll(sections.map(toIndexed));
  const byId = new Map(sections.map((section) => [section.id, section]));
  return {
    find(question, { limit, share }) {
      const terms = significantTerms(question);
      if (terms.length === 0) return [];
      const wanted = Math.max(1, Math.ceil(terms.length * share));
      return index
        .search(terms.join(" "), {
          boost: { title: 4, trail: 2 },
          prefix: (term) => term.length > 3,
          fuzzy: (term) => (term.length > 5 ? 0.2 : false),
        })
        .filter((result) => new Set(result.queryTerms).size >= wanted)
        .flatMap((result) => {
          const section = byId.get(String(result.id));
          return section === undefined ? [] : [{ section, score: result.score }];
        })
        .slice(0, limit);
    },
    below(section) {
      return sections.filter(
        (other) =>
          other.document === section.document &&
          other.headings.length > section.headings.length &&
          section.headings.every((heading, index) => other.headings[index] === heading),
      );
    },
    topics(limit) {
      return [
        ...new Set(
          sections.filter((section) => section.headings.length === 2).map((section) => section.headings[1] ?? ""),
        ),
      ].slice(0, limit);
    },
  };
}

interface IndexedSection {
  readonly id: string;
  readonly title: string;
  readonly trail: string;
  readonly text: string;
}

function toIndexed(section: Section): IndexedSection {
  return {
    id: section.id,
    title: section.headings.at(-1) ?? "",
    trail: section.headings.slice(0, -1).join(" "),
    text: section.markdown,
  };
}

/** Guarantees the words of a question that say what it is about, each once. */
export function significantTerms(question: string): readonly string[] {
  const words = question.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [];
  return [...new Set(words.filter((word) => !STOP_WORDS.has(word)))].slice(0, MAX_TERMS);
}

/** Enough of a stemmer to let "connecting" and "connected" find "connect"; both sides go through it. */
function stem(term: string): string {
  if (term.length <= 4) return term;
  return term.replace(/(ing|ed|es|s)$/, (ending) => (term.length - ending.length >= 3 ? "" : ending));
}
