import { partToText, type ReplyPart } from "../../src/envelope/reply.ts";
import { fenced } from "./markdown-fence.ts";

type Artifact = Extract<ReplyPart, { type: "artifact" }>;

/** Parts that are shown together, the words they have where only plain text is read, and the file if they are one. */
export interface ReplySection {
  readonly parts: readonly ReplyPart[];
  readonly fallback: string;
  readonly file?: Artifact;
}

/**
 * Groups what of a reply stays: neighbouring tool calls together, neighbouring tasks together, everything else by itself.
 *
 * Empty texts are left out; a status is there only when there is nothing else, and then the newest alone.
 */
export function sectionsOf(parts: readonly ReplyPart[]): readonly ReplySection[] {
  const shown = parts.filter((part) => part.type !== "status" && !isEmptyText(part));
  const status = parts.findLast((part) => part.type === "status");
  if (shown.length === 0) return status === undefined ? [] : [{ parts: [status], fallback: partToText(status) }];
  const groups: ReplyPart[][] = [];
  for (const part of shown) {
    const open = groups.at(-1);
    if (open?.[0] !== undefined && family(open[0]) !== undefined && family(open[0]) === family(part)) open.push(part);
    else groups.push([part]);
  }
  return groups.map((group) => {
    const [only] = group;
    const fallback = group.map(partToText).join("\n");
    return only?.type === "artifact" ? { parts: group, fallback, file: only } : { parts: group, fallback };
  });
}

/** The pieces of a text; its source as code where nothing of it can be seen, such as a picture without words and address: what was said is never nothing. */
export function seenPieces<Piece>(markdown: string, piecesOf: (source: string) => readonly Piece[]): readonly Piece[] {
  const pieces = piecesOf(markdown);
  return pieces.length > 0 || markdown.trim() === "" ? pieces : piecesOf(fenced(markdown, ""));
}

function isEmptyText(part: ReplyPart): boolean {
  return part.type === "text" && part.markdown.trim() === "";
}

function family(part: ReplyPart): "tools" | "tasks" | undefined {
  if (part.type === "tool_call" || part.type === "tool_result") return "tools";
  return part.type === "task_update" ? "tasks" : undefined;
}
