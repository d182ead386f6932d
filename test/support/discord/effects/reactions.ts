import type { Core } from "../core.ts";
import { INTENTS } from "../model/bits.ts";
import type { Channel, Message, Wire } from "../model/records.ts";
import { emojiWire, fullMemberWire } from "../model/wire.ts";
import { about } from "./messages.ts";

const HEARD_BY = { guild: INTENTS.GUILD_MESSAGE_REACTIONS, direct: INTENTS.DIRECT_MESSAGE_REACTIONS };

/** False when it was there already. */
export function addReaction(core: Core, channel: Channel, message: Message, userId: string, emoji: string): boolean {
  const users = message.reactions.get(emoji) ?? [];
  if (users.includes(userId)) return false;
  message.reactions.set(emoji, [...users, userId]);
  const member = core.world.member(channel.guildId, userId);
  core.log.append({
    kind: "reaction_add",
    ...about(core, channel, message),
    actor: userId,
    by: core.user(userId).isBot ? "app" : "person",
    detail: { emoji },
  });
  core.events.inChannel(channel, HEARD_BY, "MESSAGE_REACTION_ADD", () => ({
    ...reactionWire(channel, message, userId, emoji),
    message_author_id: message.authorId,
    ...(member === undefined || channel.guildId === undefined
      ? {}
      : { member: fullMemberWire(core, core.guild(channel.guildId), member) }),
  }));
  return true;
}

/** False when it was not there. */
export function removeReaction(core: Core, channel: Channel, message: Message, userId: string, emoji: string): boolean {
  const users = message.reactions.get(emoji) ?? [];
  if (!users.includes(userId)) return false;
  const left = users.filter((id) => id !== userId);
  if (left.length === 0) message.reactions.delete(emoji);
  else message.reactions.set(emoji, left);
  core.log.append({
    kind: "reaction_remove",
    ...about(core, channel, message),
    actor: userId,
    by: core.user(userId).isBot ? "app" : "person",
    detail: { emoji },
  });
  core.events.inChannel(channel, HEARD_BY, "MESSAGE_REACTION_REMOVE", () =>
    reactionWire(channel, message, userId, emoji),
  );
  return true;
}

/** All reactions, or all of one emoji. */
export function clearReactions(core: Core, channel: Channel, message: Message, emoji?: string): void {
  if (emoji === undefined) message.reactions.clear();
  else message.reactions.delete(emoji);
  const type = emoji === undefined ? "MESSAGE_REACTION_REMOVE_ALL" : "MESSAGE_REACTION_REMOVE_EMOJI";
  core.events.inChannel(channel, HEARD_BY, type, () => ({
    channel_id: channel.id,
    message_id: message.id,
    ...(channel.guildId === undefined ? {} : { guild_id: channel.guildId }),
    ...(emoji === undefined ? {} : { emoji: emojiWire(emoji) }),
  }));
}

function reactionWire(channel: Channel, message: Message, userId: string, emoji: string): Wire {
  return {
    user_id: userId,
    channel_id: channel.id,
    message_id: message.id,
    ...(channel.guildId === undefined ? {} : { guild_id: channel.guildId }),
    emoji: emojiWire(emoji),
    burst: false,
    type: 0,
  };
}
