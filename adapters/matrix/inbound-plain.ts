import type { MessageContent } from "./inbound-content.ts";

const FENCE = /```(?:([\w+#.-]{1,32})\n)?([\s\S]+?)```/gu;
const CODE_SPAN = /(``[^`\n](?:[^\n]*?[^`\n])?``|`[^`\n]+`)/u;
const QUOTE_LINE = /^>(?: |$)/u;

/** Reads a body without HTML, which people and programs write as Markdown: what stands in code or quotes names nobody. Any text is readable. */
export function readPlain(text: string, into: MessageContent): void {
  let from = 0;
  for (const fence of text.matchAll(FENCE)) {
    readLines(text.slice(from, fence.index), into);
    into.code((fence[2] ?? "").replace(/^\n|\n$/gu, ""), fence[1]);
    from = fence.index + fence[0].length;
    if (text[from] === "\n") from += 1;
  }
  readLines(text.slice(from), into);
}

function readLines(text: string, into: MessageContent): void {
  if (text === "" || text === "\n") return;
  const lines = text.split("\n");
  let from = 0;
  for (let at = 0; at < lines.length; at++) {
    if (!QUOTE_LINE.test(lines[at] ?? "")) continue;
    if (at > from) readInline(`${lines.slice(from, at).join("\n")}\n`, into);
    const quote: string[] = [];
    for (; QUOTE_LINE.test(lines[at] ?? ""); at++) quote.push((lines[at] ?? "").slice(2));
    into.quote(quote.join("\n"));
    from = at;
  }
  if (from < lines.length) readInline(lines.slice(from).join("\n"), into);
}

function readInline(text: string, into: MessageContent): void {
  text.split(CODE_SPAN).forEach((part, index) => {
    // split() with a group puts the separators at the odd places.
    if (index % 2 === 1) into.verbatim(part);
    else into.prose(part);
  });
}
