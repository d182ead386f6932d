/** C1 controls, DEL, line separators and the marks that reorder or hide text; JSON escapes only what lies below U+0020. */
const UNSAFE = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
// A newline ends each record and is not part of it.
const UNSAFE_RAW = /[\u0000-\u001f]/g;

/** Guarantees a line of JSON that a terminal shows as it is: no control character acts, and none hides or reorders text. */
export function encodeControls(line: string): string {
  return line.replace(UNSAFE, escape);
}

/** The same for text that is not JSON: tabs and line ends are encoded too. */
export function encodeAllControls(text: string): string {
  return text.replace(UNSAFE_RAW, escape).replace(UNSAFE, escape);
}

function escape(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}
