import type { PacingRule } from "../shared/send-limiter.ts";

const perChannel = (perMinute: number, burst: number): PacingRule => ({ perMinute, burst, scope: "channel" });

/**
 * A pace that stays below what Discord is known to allow; the real limits are those that its answers name.
 *
 * https://docs.discord.com/developers/topics/rate-limits
 */
export const RATE_RULES: Readonly<Record<string, PacingRule>> = {
  "all routes": { perMinute: 45 * 60, burst: 40, scope: "installation" },
  "POST /channels/:channel/messages": perChannel(60, 5),
  "PATCH /channels/:channel/messages/:message": perChannel(60, 5),
  "POST /webhooks/:id/:token": perChannel(60, 5),
  "PATCH /webhooks/:id/:token/messages/:message": perChannel(60, 5),
  "PUT /channels/:channel/messages/:message/reactions/:emoji/@me": perChannel(200, 4),
  "DELETE /channels/:channel/messages/:message/reactions/:emoji/@me": perChannel(200, 4),
  "POST /channels/:channel/typing": perChannel(30, 5),
};
