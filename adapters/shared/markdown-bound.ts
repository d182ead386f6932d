import { fenced } from "./markdown-fence.ts";
import { type MarkdownStretch, stretchesOf } from "./markdown-stretches.ts";

/** Most time that the texts of one reply may take to be parsed, by estimate, in microseconds. */
export const REPLY_BUDGET_US = 150_000;
/** Most time for one stretch: a single construct beyond it is a table of thousands of cells or an attack. */
const MAX_STRETCH_US = 80_000;
/** The same for one that is nothing but words, whose time is known well. */
const MAX_WORDS_US = 140_000;
/** Words with the signs of ordinary prose: nothing that Markdown or its links could begin with. */
const WORDS_ALONE = /^(?:[\p{L}\p{N}\s,;!?'"()%]|\.(?=\s|$))*$/u;

export interface BoundedMarkdown {
  /** Markdown that is quick to parse. Equal to the source, or with what is too much of it between fences. */
  readonly markdown: string;
  /** True when something is shown as plain text instead. */
  readonly simplified: boolean;
  /** Estimated time of parsing it, in microseconds. */
  readonly costUs: number;
}

/**
 * Guarantees Markdown that is parsed in a fraction of a second, whatever the source is: deeply nested, a flood of brackets, a
 * table of ten thousand cells.
 *
 * What would take longer becomes a code block, character by character; everything else stays as it is. Pure, linear time.
 */
export function boundMarkdown(source: string, budgetUs: number = REPLY_BUDGET_US): BoundedMarkdown {
  const stretches = stretchesOf(source);
  const plain = tooCostly(source, stretches, budgetUs);
  const costUs = stretches.reduce(
    (sum, stretch) => (plain.has(stretch) || stretch.isFence ? sum : sum + stretch.costUs),
    0,
  );
  if (plain.size === 0) return { markdown: source, simplified: false, costUs };
  const shown: string[] = [];
  let held = "";
  const flush = (): void => {
    if (held === "") return;
    const before = shown.pop();
    if (before !== undefined) shown.push(`${before.trimEnd()}\n\n`);
    shown.push(`${fenced(held.replace(/^(?:[ \t]*\n)+/u, "").trimEnd(), "")}\n\n`);
    held = "";
  };
  for (const stretch of stretches) {
    const text = source.slice(stretch.start, stretch.end);
    if (plain.has(stretch)) held += text;
    else {
      flush();
      shown.push(text);
    }
  }
  flush();
  return { markdown: shown.join("").trimEnd(), simplified: true, costUs };
}

function tooCostly(
  source: string,
  stretches: readonly MarkdownStretch[],
  budgetUs: number,
): ReadonlySet<MarkdownStretch> {
  const plain = new Set<MarkdownStretch>();
  let totalUs = 0;
  for (const stretch of stretches) {
    // Code is not looked into.
    if (stretch.isFence) continue;
    const isLong = stretch.costUs > MAX_STRETCH_US && !isWordsAlone(source, stretch);
    if (isLong || totalUs + stretch.costUs > budgetUs) plain.add(stretch);
    else totalUs += stretch.costUs;
  }
  return plain;
}

function isWordsAlone(source: string, { start, end, costUs }: MarkdownStretch): boolean {
  return costUs <= MAX_WORDS_US && WORDS_ALONE.test(source.slice(start, end));
}
