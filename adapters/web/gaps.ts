import type { PlatformGaps } from "../shared/losses.ts";

/** What the page of the web room shows in another form; `src/console/markdown` and `src/console/parts` draw it. */
export const WEB_GAPS: PlatformGaps = {
  markdown: {
    headings: { levels: 1, shownAs: "a heading, all levels in one size" },
    image: "a link to it",
    html: "its source as text",
  },
};
