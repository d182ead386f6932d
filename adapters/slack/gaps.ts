import type { PlatformGaps } from "../shared/losses.ts";
import { isListedLink } from "../shared/markdown-safety.ts";
import { approvalBlock, inputBlock } from "./blocks.ts";
import { REPLY_LIMITS } from "./render.ts";

/**
 * What Slack cannot show of a reply.
 *
 * `markdown` blocks show tables, lists, code and quotes, but headings in one size, no pictures and no footnotes.
 * https://docs.slack.dev/reference/block-kit/blocks/markdown-block
 */
export function slackGaps(linkHosts: readonly string[]): PlatformGaps {
  return {
    markdown: {
      headings: { levels: 1, shownAs: "a heading, all levels in one size" },
      image: "its description and its address as code",
      html: "its source as text",
      footnote: "its source as text",
      link: (url) => (isListedLink(url, linkHosts) ? undefined : "its words and its address as code"),
    },
    toolDetails: "left out; the tool's name and outcome are shown",
    approval: (part) =>
      approvalBlock(part) === undefined
        ? { what: "approval with a long id", shownAs: "its options in words, without buttons" }
        : undefined,
    inputRequest: (part) =>
      inputBlock(part) === undefined
        ? { what: `form of ${part.fields.length} fields`, shownAs: "its questions in words" }
        : undefined,
    limits: REPLY_LIMITS,
  };
}
