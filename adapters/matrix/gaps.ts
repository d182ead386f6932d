import type { RenderLoss } from "../../src/contracts/adapter.ts";
import type { ReplyPart } from "../../src/envelope/reply.ts";
import { findLosses, type PlatformGaps } from "../shared/losses.ts";
import { isListedLink } from "../shared/markdown-safety.ts";
import { sectionsOf } from "../shared/reply-sections.ts";
import { REPLY_LIMITS } from "./render.ts";
import { foldedTools } from "./tool-details.ts";

/**
 * What Matrix cannot show of a reply: it has no buttons and no forms, and pictures only as files.
 *
 * https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 */
function gaps(linkHosts: readonly string[]): PlatformGaps {
  return {
    markdown: {
      image: "its description and its address as code",
      html: "its source as text",
      footnote: "a number and the note at the end, without links between them",
      taskList: "a list with signs for its boxes",
      link: (url) => (isListedLink(url, linkHosts) ? undefined : "its words and its address as code"),
    },
    parts: {
      approval_request: { what: "buttons", shownAs: "reactions and commands" },
      input_request: { what: "form", shownAs: "questions that are answered in a reply" },
    },
    limits: REPLY_LIMITS,
  };
}

/** Names what of a reply Matrix shows in another form; pure. */
export function matrixLosses(parts: readonly ReplyPart[], linkHosts: readonly string[]): readonly RenderLoss[] {
  const tools = sectionsOf(parts).flatMap((section): RenderLoss[] => {
    if (section.parts[0]?.type !== "tool_call" && section.parts[0]?.type !== "tool_result") return [];
    return [...foldedTools(section.parts).shortened].map((part) => ({
      part: parts.indexOf(part),
      what: part.type === "tool_call" ? "input of a tool" : "output of a tool",
      shownAs: "its beginning",
    }));
  });
  return [...findLosses(parts, gaps(linkHosts)), ...tools].toSorted((a, b) => a.part - b.part);
}
