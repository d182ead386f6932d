import type { PlatformGaps } from "../shared/losses.ts";
import type { ReplyLimits } from "../shared/prepared-reply.ts";

/** An answer of any length is shown as posts: the longest reply has seven. */
export const REPLY_LIMITS: ReplyLimits = { plainSubjects: true };

/** What the page of the web room shows in another form; `src/console/markdown` and `src/console/parts` draw it. */
export const WEB_GAPS: PlatformGaps = {
  markdown: {
    headings: { levels: 1, shownAs: "a heading, all levels in one size" },
    image: "a link to it",
    html: "its source as text",
  },
  limits: REPLY_LIMITS,
};
