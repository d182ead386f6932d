/** A stretch of Markdown that no construct crosses (lines between blank lines, or a fence), and what parsing it takes at most. */
export interface MarkdownStretch {
  readonly start: number;
  /** Behind the line break of its last line. */
  readonly end: number;
  /** Estimated time of parsing it, in microseconds of an ordinary machine; infinite where the parser would not come back. */
  readonly costUs: number;
  /** The stretch is one fence at the left margin, from its opening line to its closing line or the end of the text. */
  readonly isFence: boolean;
}

/** Quotes and lists opened on one line; more is no prose, and the parser's time grows with the square of it. */
const MAX_MARKERS_PER_LINE = 32;
/** Columns before the first sign of a line: lists inside lists. */
const MAX_INDENT = 128;

/** Measured on micromark 4: what a line, a sign and a pair of signs that may belong together cost, in microseconds. */
const LINE_US = 35;
const CODE_LINE_US = 12;
const CODE_CHAR_US = 0.1;
const CHAR_US = 0.5;
const MARKER_US = 30;
const INDENT_US = 12;
const SIGN_US: Readonly<Record<string, number>> = {
  "*": 25,
  _: 25,
  "~": 25,
  "[": 28,
  "]": 28,
  "`": 22,
  "|": 45,
  "<": 30,
  ">": 6,
  "&": 12,
  "\\": 10,
  "!": 6,
  "@": 6,
  ":": 12,
  "/": 4,
  ".": 5,
};
/** Lines of one stretch, and signs of one stretch, are compared with one another: the square of their number counts. */
const LINE_PAIR_US = 0.02;
const EMPHASIS_PAIR_US = 0.06;
const BRACKET_PAIR_US = 0.02;

const SIGN_CODES = new Map(Object.entries(SIGN_US).map(([sign, costUs]) => [sign.charCodeAt(0), costUs]));
const MARKER = /[ \t]*(?:>|[-+*](?=[ \t]|$)|\d{1,9}[.)](?=[ \t]|$))/uy;
const FENCE = /^([ \t]*)((?:(?:>|[-+*]|\d{1,9}[.)])[ \t]*)*)(`{3,}(?=[^`]*$)|~{3,})/u;
/** HTML that goes on over blank lines, so that what looks like a fence inside is none. */
const LASTING_HTML = /^[ \t>]*<(?:!|\?|script|pre|style|textarea)/iu;

/** Estimates, in one pass and in linear time, what parsing each stretch of a text takes. */
export function stretchesOf(source: string): readonly MarkdownStretch[] {
  const scan = new CostScan();
  for (let start = 0; start < source.length; ) {
    const lineBreak = source.indexOf("\n", start);
    const end = lineBreak === -1 ? source.length : lineBreak + 1;
    scan.line(source.slice(start, lineBreak === -1 ? end : lineBreak), start, end);
    start = end;
  }
  return scan.finish(source.length);
}

/**
 * The text with the stretches that `isKept` refuses replaced by as many blanks: what is left stands at the same offsets, and
 * means the same, because no construct crosses a stretch.
 */
export function maskStretches(
  source: string,
  stretches: readonly MarkdownStretch[],
  isKept: (stretch: MarkdownStretch, text: string) => boolean,
): string {
  let masked = "";
  for (const stretch of stretches) {
    const text = source.slice(stretch.start, stretch.end);
    masked += isKept(stretch, text) ? text : `${" ".repeat(Math.max(0, text.length - 1))}${text === "" ? "" : "\n"}`;
  }
  return masked;
}

/** Estimated time of parsing the whole text, in microseconds. */
export function markdownCostUs(source: string): number {
  return stretchesOf(source).reduce((sum, stretch) => sum + stretch.costUs, 0);
}

interface OpenFence {
  readonly marks: string;
  readonly indent: number;
  /** Inside a list or quote, where a line further left would end it: only lines of a sure fence are as cheap as code. */
  readonly sure: boolean;
}

class CostScan {
  readonly #stretches: MarkdownStretch[] = [];
  #start = 0;
  #afterBlank = true;
  #costUs = 0;
  #lines = 0;
  #emphasis = 0;
  #brackets = 0;
  #fence: OpenFence | undefined;
  /** The stretch that is open now is a sure fence. */
  #isInFence = false;
  /** A line since the last blank one began like HTML, which may go on up to the next blank one. */
  #inHtml = false;
  /** Cleared where fences can no longer be told from what looks like them; from then on every line counts in full. */
  #fencesAreSure = true;

  line(text: string, start: number, end: number): void {
    const blank = text.trim() === "";
    if (this.#isInFence) {
      this.#followFence(text, blank);
      this.#costUs += CODE_LINE_US + (end - start) * CODE_CHAR_US;
      if (this.#fence === undefined) this.#close(end);
      this.#afterBlank = false;
      return;
    }
    if (this.#fence === undefined) this.#followHtml(text, blank);
    const outside = this.#fence === undefined;
    this.#followFence(text, blank);
    const opensFence = this.#fence?.sure === true && this.#fencesAreSure;
    if (opensFence || (this.#afterBlank && !blank && outside && !/^[ \t]/u.test(text))) this.#close(start);
    this.#isInFence = opensFence;
    this.#afterBlank = blank;
    if (blank) this.#costUs += CODE_LINE_US + (end - start) * CODE_CHAR_US;
    else {
      this.#costUs += this.#costOf(text);
      this.#lines += 1;
    }
  }

  finish(end: number): readonly MarkdownStretch[] {
    this.#close(end);
    return this.#stretches;
  }

  #close(end: number): void {
    if (end > this.#start) {
      const pairsUs =
        this.#lines ** 2 * LINE_PAIR_US +
        this.#emphasis ** 2 * EMPHASIS_PAIR_US +
        this.#brackets ** 2 * BRACKET_PAIR_US;
      const isFence = this.#isInFence;
      this.#stretches.push({ start: this.#start, end, costUs: this.#costUs + pairsUs, isFence });
    }
    this.#start = end;
    this.#costUs = 0;
    this.#lines = 0;
    this.#emphasis = 0;
    this.#brackets = 0;
    this.#isInFence = false;
  }

  #costOf(text: string): number {
    let costUs = LINE_US + text.length * CHAR_US;
    let indent = 0;
    while (text[indent] === " " || text[indent] === "\t") indent += text[indent] === "\t" ? 4 : 1;
    const markers = countMarkers(text);
    if (markers > MAX_MARKERS_PER_LINE || indent > MAX_INDENT) return Number.POSITIVE_INFINITY;
    costUs += markers * MARKER_US + indent * INDENT_US;
    for (let at = 0, code = 0, before = 0; at < text.length; at++, before = code) {
      code = text.charCodeAt(at);
      if (code > 126 || code === 32) continue;
      const signUs = SIGN_CODES.get(code);
      if (signUs === undefined) continue;
      if (code === 91 || code === 93) this.#brackets += 1;
      else if (code === 42 || code === 95 || code === 126) {
        if (code === before) continue; // a run is one delimiter
        this.#emphasis += 1;
      }
      costUs += signUs;
    }
    return costUs;
  }

  #followHtml(text: string, blank: boolean): void {
    if (LASTING_HTML.test(text)) this.#fencesAreSure = false;
    this.#inHtml = !blank && (this.#inHtml || /^[ \t>]*</u.test(text));
    if (this.#inHtml && FENCE.test(text)) this.#fencesAreSure = false;
  }

  #followFence(text: string, blank: boolean): void {
    const found = FENCE.exec(text);
    const [, indentText = "", containers = "", marks = ""] = found ?? [];
    const indent = indentText.length;
    const open = this.#fence;
    if (open === undefined) {
      if (found !== null) this.#fence = { marks, indent, sure: indent === 0 && containers === "" };
      return;
    }
    const closes =
      found !== null &&
      containers === "" &&
      marks.startsWith(open.marks) &&
      text.trim() === marks &&
      (open.sure ? indent <= 3 : indent >= open.indent);
    if (closes) this.#fence = undefined;
    else if (!open.sure && !blank && (/^[ \t]*/u.exec(text)?.[0].length ?? 0) < open.indent) {
      // Further left than its fence: whether that ended the fence depends on what it stands in.
      this.#fence = undefined;
      this.#fencesAreSure = false;
    }
  }
}

function countMarkers(text: string): number {
  let count = 0;
  MARKER.lastIndex = 0;
  while (count <= MAX_MARKERS_PER_LINE && MARKER.test(text)) count += 1;
  return count;
}
