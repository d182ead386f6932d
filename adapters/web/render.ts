import type { RenderContext, RenderedPost } from "../../src/contracts/adapter.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { partToText, type ReplyPart } from "../../src/envelope/reply.ts";
import { splitMarkdown } from "../shared/markdown-split.ts";
import { prepareReply } from "../shared/prepared-reply.ts";

/** Longest text of one post of an agent, in UTF-16 code units: beyond it a page becomes slow to read and to draw. */
export const MAX_AGENT_POST_CHARS = 40_000;

/** Groups the parts of a reply into as few posts as their text allows; the page draws each part natively. */
export function renderParts(parts: readonly ReplyPart[], context: RenderContext): readonly RenderedPost[] {
  const posts: RenderedPost[] = [];
  let open: ReplyPart[] = [];
  let openChars = 0;
  const close = (): void => {
    if (open.length > 0) posts.push(toPost(open, context.mentionable));
    open = [];
    openChars = 0;
  };
  for (const part of shownParts(prepareReply(parts).parts).flatMap(splitText)) {
    const chars = partToText(part).length;
    if (openChars + chars > MAX_AGENT_POST_CHARS) close();
    open.push(part);
    openChars += chars + PART_GAP.length;
  }
  close();
  return posts;
}

const PART_GAP = "\n\n";

/** A status line is about now: in what stays it is shown only when there is nothing else. */
function shownParts(parts: readonly ReplyPart[]): readonly ReplyPart[] {
  const lasting = parts.filter(
    (part) => part.type !== "status" && !(part.type === "text" && part.markdown.trim() === ""),
  );
  return lasting.length > 0 ? lasting : parts.filter((part) => part.type === "status").slice(-1);
}

function splitText(part: ReplyPart): readonly ReplyPart[] {
  if (part.type !== "text" || part.markdown.length <= MAX_AGENT_POST_CHARS) return [part];
  return splitMarkdown(part.markdown, MAX_AGENT_POST_CHARS).map((markdown) => ({ type: "text", markdown }));
}

function toPost(parts: readonly ReplyPart[], mentionable: readonly string[]): RenderedPost {
  return {
    // Parts are plain data that came through their schema.
    body: { parts: parts as readonly JsonValue[], mentionable: [...mentionable] },
    fallbackText: cutToLimit(parts.map(partToText).join(PART_GAP)),
  };
}

/** Only a part that is no text can be over the limit, and it is whole in the body. */
function cutToLimit(text: string): string {
  return text.length <= MAX_AGENT_POST_CHARS ? text : `${text.slice(0, MAX_AGENT_POST_CHARS - 1).toWellFormed()}…`;
}
