const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });
/** Longer clusters (a letter under hundreds of marks) are cut like anything else. */
const MAX_CLUSTER_CHARS = 64;

/**
 * The place of the last cut at or before `maxChars` that parts no character people see: no surrogate pair, no emoji of several
 * signs, no letter from its accents.
 *
 * In UTF-16 code units; at least 1 for a text that is longer than the limit, the text's length for one that is not.
 */
export function cutPlace(text: string, maxChars: number): number {
  if (text.length <= maxChars) return text.length;
  const limit = Math.max(1, maxChars);
  const from = clusterStart(text, limit);
  let last = from;
  for (const { index } of graphemes.segment(text.slice(from, limit + MAX_CLUSTER_CHARS))) {
    if (from + index > limit) break;
    last = from + index;
  }
  if (last > 0 && limit - last <= MAX_CLUSTER_CHARS) return last;
  return isLowSurrogate(text, limit) && limit > 1 ? limit - 1 : limit;
}

/** Cuts a text in pieces of at most `maxChars` at `cutPlace`s. */
export function cutPieces(text: string, maxChars: number): string[] {
  const pieces: string[] = [];
  let from = 0;
  while (text.length - from > maxChars) {
    const at = from + cutPlace(text.slice(from, from + maxChars + MAX_CLUSTER_CHARS * 2), maxChars);
    pieces.push(text.slice(from, at));
    from = at;
  }
  return [...pieces, text.slice(from)];
}

/** Cuts plain text in pieces of at most `maxChars`, at blanks where there are any in the second half of a piece; blanks at the cuts are dropped. */
export function wordPieces(text: string, maxChars: number): string[] {
  const pieces: string[] = [];
  let rest = text.trim();
  while (rest.length > maxChars) {
    const blank = rest.slice(0, maxChars + 1).search(/\s\S*$/u);
    const at = blank > maxChars / 2 ? blank : cutPlace(rest.slice(0, maxChars * 2), maxChars);
    pieces.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  return rest === "" ? pieces : [...pieces, rest];
}

/** A plain letter or blank before the limit always begins a character; without one (flags in a row) the text has to be read from its beginning. */
function clusterStart(text: string, limit: number): number {
  for (let at = limit - 1; at > 0; at--) {
    const code = text.charCodeAt(at);
    if (code >= 0x20 && code < 0x7f) return at;
  }
  return 0;
}

function isLowSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return at > 0 && code >= 0xdc00 && code <= 0xdfff;
}
