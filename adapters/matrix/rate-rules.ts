import type { PacingRule } from "../shared/send-limiter.ts";

/** Everything that counts as a message to the homeserver: texts, edits, reactions, redactions. */
export const SEND = "send";

/** Synapse's own limit for an account: 0.2 a second, 10 at once. https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html#rc_message */
export const RATE_RULES: Readonly<Record<string, PacingRule>> = {
  // A little less, because a message that is a moment early is refused.
  [SEND]: { perMinute: 11.5, burst: 9, scope: "installation" },
};

/** Least time between two edits of a preview, in ms: on an ordinary account, and where the homeserver sets no limit. */
export const EDIT_INTERVAL_MS = 5_000;
export const FAST_EDIT_INTERVAL_MS = 1_000;
/** Every edit is an event that each client loads; 1,000 made a room unusable in another product (HKUDS/nanobot PR #3151). */
export const MAX_PREVIEW_EDITS = 60;
