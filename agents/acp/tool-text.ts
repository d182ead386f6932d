import { redactArguments } from "../shared/redact-arguments.ts";
import type { ToolContent } from "./update-shapes.ts";

/** What is shown of one tool's input or output, in UTF-16 code units. */
export const MAX_TOOL_CHARS = 4_000;
/** Lines of a change that are shown; the count of the others is. */
const MAX_DIFF_LINES = 60;
const CONTEXT_LINES = 2;

/** The beginning of a text, well-formed, and a sign that there is more. */
export function clip(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1).toWellFormed()}…`;
}

/** One short line of a text: for titles and names. */
export function oneLine(text: string, maxChars = 200): string {
  return clip(text.replace(/\s+/g, " ").trim(), maxChars);
}

/** As `oneLine`, without secrets: agents make titles of whole commands. */
export function titleLine(text: string): string {
  return oneLine(withoutSecrets(text));
}

/** The same text with what looks like a secret hidden. */
function withoutSecrets(text: string): string {
  return String(redactArguments(text));
}

/** Any JSON value as people may read it, secrets hidden; text stays text. */
export function valueText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const shown = redactArguments(value);
  return typeof shown === "string" ? shown : JSON.stringify(shown, null, 2);
}

/** What a tool call holds, as plain text without secrets: words, changes of files, and the names of what else there is. */
export function contentText(content: readonly ToolContent[]): string {
  return withoutSecrets(contentWords(content));
}

/** As `contentText`, with secrets. */
export function contentWords(content: readonly ToolContent[]): string {
  const texts = content.flatMap((item): string[] => {
    if (item.type === "diff") return [changeText(item.path, item.oldText ?? undefined, item.newText)];
    if (item.type !== "content") return [];
    const inner = item.content;
    if (inner.type === "text") return [inner.text];
    if (inner.type === "resource") return [inner.resource.text ?? `[${inner.resource.uri}]`];
    return [`[${inner.type === "resource_link" ? inner.name : inner.mimeType}]`];
  });
  return texts.join("\n");
}

/**
 * A change of one file as lines with `-`, `+` and a blank: what differs with a little around it.
 *
 * Both texts are compared from both ends alone: edits far apart show as one change. Of more lines than `maxLines` the rest is counted.
 */
export function changeText(
  path: string,
  oldText: string | undefined,
  newText: string,
  maxLines: number = MAX_DIFF_LINES,
): string {
  const before = oldText === undefined || oldText === "" ? [] : oldText.split("\n");
  const after = newText === "" ? [] : newText.split("\n");
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail += 1;
  const lines = [
    ...before.slice(Math.max(0, head - CONTEXT_LINES), head).map((line) => ` ${line}`),
    ...before.slice(head, before.length - tail).map((line) => `-${line}`),
    ...after.slice(head, after.length - tail).map((line) => `+${line}`),
    ...after.slice(after.length - tail, after.length - tail + CONTEXT_LINES).map((line) => ` ${line}`),
  ];
  const more = lines.length - maxLines;
  const shown = more > 0 ? [...lines.slice(0, maxLines), `… ${more} more lines`] : lines;
  return [oldText === undefined ? `${path} (new file)` : path, ...shown].join("\n");
}
