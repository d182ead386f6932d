import type { ChatAdapter } from "../../src/contracts/adapter.ts";
import { findLosses } from "../shared/losses.ts";
import { WEB_GAPS } from "./gaps.ts";
import { renderParts } from "./render.ts";

/** How replies become posts of the web room; pure, and the same for every room. */
export const webRenderer: Pick<ChatAdapter, "platform" | "render" | "losses"> = {
  platform: "web",
  render: renderParts,
  losses: (parts) => findLosses(parts, WEB_GAPS),
};
