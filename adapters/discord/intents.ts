import type { DiscordConfig } from "./config.ts";

const INTENT = {
  guilds: 1 << 0,
  guildMembers: 1 << 1,
  guildMessages: 1 << 9,
  guildMessageReactions: 1 << 10,
  directMessages: 1 << 12,
  directMessageReactions: 1 << 13,
  messageContent: 1 << 15,
} as const;

/** What the gateway is asked for, and no more; the last two are privileged and only asked for when they are wanted. */
export function intentsOf(config: Pick<DiscordConfig, "messages" | "memberEvents">): number {
  return (
    INTENT.guilds |
    INTENT.guildMessages |
    INTENT.guildMessageReactions |
    INTENT.directMessages |
    INTENT.directMessageReactions |
    (config.messages === "all" ? INTENT.messageContent : 0) |
    (config.memberEvents ? INTENT.guildMembers : 0)
  );
}
