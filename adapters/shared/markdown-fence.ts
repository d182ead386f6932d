/** A fence of backticks that is longer than any run of backticks inside the code. */
export function fenceOf(code: string): string {
  const longestRun = Array.from(code.matchAll(/`{3,}/gu)).reduce((longest, run) => Math.max(longest, run[0].length), 2);
  return "`".repeat(longestRun + 1);
}

/** Puts code between fences that are longer than any run of backticks inside. */
export function fenced(code: string, language: string): string {
  const fence = fenceOf(code);
  return `${fence}${language.replace(/[^\w+#.-]/gu, "")}\n${code}\n${fence}`;
}

export interface ReadFence {
  readonly marks: string;
  readonly info: string;
  readonly code: string;
  /** False when the text ended before its closing line. */
  readonly isClosed: boolean;
}

/** Reads a fence at the left margin, from its opening line on; blanks behind it are dropped. */
export function readFence(text: string): ReadFence {
  const lines = text.trimEnd().split("\n");
  const [, marks = "```", info = ""] = /^(`{3,}|~{3,})(.*)$/u.exec(lines[0] ?? "") ?? [];
  const last = lines.at(-1)?.trim() ?? "";
  const isClosed = lines.length > 1 && last.startsWith(marks) && last === marks.charAt(0).repeat(last.length);
  return { marks, info: info.trim(), isClosed, code: lines.slice(1, isClosed ? -1 : undefined).join("\n") };
}
