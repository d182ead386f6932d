import type { PacingRule } from "../shared/send-limiter.ts";

const perMinute = (rate: number, burst: number): PacingRule => ({ perMinute: rate, burst, scope: "installation" });
const TIER_2 = perMinute(20, 10);
const TIER_3 = perMinute(50, 25);
const TIER_4 = perMinute(100, 25);

/** The workspace's share of chat.postMessage ("several hundred per minute"), besides that of each channel. */
export const POST_PER_WORKSPACE = "chat.postMessage of the workspace";

/** What Slack's documents allow. https://docs.slack.dev/apis/web-api/rate-limits */
export const RATE_RULES: Readonly<Record<string, PacingRule>> = {
  // One a second; a little less, because a call that is a moment early is refused.
  "chat.postMessage": { perMinute: 55, burst: 3, scope: "channel" },
  [POST_PER_WORKSPACE]: perMinute(300, 60),
  "chat.postEphemeral": TIER_4,
  "chat.update": TIER_3,
  "chat.delete": TIER_3,
  "chat.startStream": TIER_2,
  "chat.appendStream": TIER_4,
  "chat.stopStream": TIER_2,
  "assistant.threads.setStatus": TIER_4,
  "reactions.add": TIER_3,
  "reactions.remove": TIER_2,
  "files.getUploadURLExternal": TIER_4,
  "files.completeUploadExternal": TIER_4,
  "files.info": TIER_4,
  "views.open": TIER_4,
  "conversations.members": TIER_4,
  "conversations.info": TIER_3,
  "conversations.history": TIER_3,
  "conversations.replies": TIER_3,
  "users.conversations": TIER_3,
  "users.info": TIER_4,
  "users.list": TIER_2,
};
