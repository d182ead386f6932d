import type { PlatformGaps } from "../shared/losses.ts";
import { isListedLink } from "../shared/markdown-safety.ts";
import { approvalRows } from "./components.ts";
import { storedForm } from "./forms.ts";
import { MAX_LINE_CHARS, REPLY_LIMITS, safeFileName } from "./render.ts";

/** What Discord cannot show of a reply. https://support.discord.com/hc/en-us/articles/210298617 */
export function discordGaps(linkHosts: readonly string[]): PlatformGaps {
  return {
    markdown: {
      table: "aligned text in a block of code",
      headings: { levels: 3, shownAs: "a line in bold" },
      image: "its description and its address as code",
      html: "its source as text",
      nestedQuotes: "a quote, all levels as one",
      footnote: "its number in brackets, its text where it stands",
      taskList: "a list with ☐ and ☑",
      rule: "a drawn line",
      link: (url) => (isListedLink(url, linkHosts) ? undefined : "its words and its address as code"),
    },
    toolDetails: "left out; the tool's name and outcome are shown",
    line: { maxChars: MAX_LINE_CHARS - 20, shownAs: "its beginning" },
    approval: (part) =>
      approvalRows(part) === undefined
        ? { what: "approval with long or equal ids", shownAs: "its options in words, without buttons" }
        : undefined,
    artifact: ({ name }) =>
      safeFileName(name) === name
        ? undefined
        : { what: "file name of other signs", shownAs: `${safeFileName(name)}, and the name above the file` },
    inputRequest: (part) =>
      storedForm(part) === undefined
        ? { what: `form of ${part.fields.length} fields`, shownAs: "its questions in words" }
        : undefined,
    limits: REPLY_LIMITS,
  };
}
