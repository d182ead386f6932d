import type { ReplyPart } from "../../src/envelope/reply.ts";
import { foldTools, toolLine } from "../shared/part-lines.ts";
import { cutPlace } from "../shared/text-cut.ts";
import { contentBytes, escapeHtml, inertText, MAX_CONTENT_BYTES, type MatrixText } from "./markup.ts";

/** What is shown of one tool's input or output, in UTF-16 code units, and of all tools of a message, in bytes of HTML. */
const MAX_DETAIL_CHARS = 2_000;
const MAX_DETAILS_BYTES = 24_000;

export interface FoldedTools {
  /** Undefined when the tools' names alone do not fit into one message. */
  readonly text: MatrixText | undefined;
  /** Parts of which not everything is shown. */
  readonly shortened: ReadonlySet<ReplyPart>;
}

/** `🔧 search ✓ · fetch ✗`, which unfolds to what each tool was given and gave. Pure. */
export function foldedTools(parts: readonly ReplyPart[]): FoldedTools {
  const summary = inertText(toolLine(parts));
  const tools = foldTools(parts);
  const blocks = new Map<string, string[]>();
  const shortened = new Set<ReplyPart>();
  let bytes = 0;
  for (const part of parts) {
    if (part.type !== "tool_call" && part.type !== "tool_result") continue;
    const known = blocks.get(part.toolCallId) ?? [];
    blocks.set(part.toolCallId, known);
    const detail = part.type === "tool_call" ? part.input : part.output;
    if (!detail) continue;
    const shown =
      detail.length <= MAX_DETAIL_CHARS ? detail : `${detail.slice(0, cutPlace(detail, MAX_DETAIL_CHARS))}…`;
    const html = `<pre><code>${escapeHtml(shown)}</code></pre>`;
    bytes += Buffer.byteLength(html);
    if (bytes <= MAX_DETAILS_BYTES) known.push(html);
    if (bytes > MAX_DETAILS_BYTES || shown !== detail) shortened.add(part);
  }
  const items = [...blocks.values()].map((details, index) => {
    const { name, sign } = tools[index] ?? { name: "", sign: "" };
    return `<p><strong>${escapeHtml(inertText(name))}</strong> ${sign}</p>${details.join("")}`;
  });
  const line = escapeHtml(summary);
  const unfolds = [...blocks.values()].some((details) => details.length > 0);
  const html = unfolds ? `<details><summary>${line}</summary>${items.join("")}</details>` : `<p>${line}</p>`;
  const text: MatrixText = { body: summary, html, mentions: [] };
  if (contentBytes(text) <= MAX_CONTENT_BYTES) return { text, shortened };
  const detailed = parts.filter(
    (part) => (part.type === "tool_call" && part.input) || (part.type === "tool_result" && part.output),
  );
  return { text: undefined, shortened: new Set(detailed) };
}
