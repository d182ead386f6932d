import { addReaction, clearReactions, removeReaction } from "../effects/reactions.ts";
import { may } from "../model/permissions.ts";
import { userWire } from "../model/wire.ts";
import { refused } from "./api-error.ts";
import {
  asBot,
  type BotCall,
  channelOf,
  type Handler,
  idParam,
  messageOf,
  NO_CONTENT,
  pageSize,
  param,
} from "./call.ts";

const MAX_KINDS = 20;
const BASE = "/channels/:channel/messages/:message/reactions";

export const reactionRoutes: Readonly<Record<string, Handler>> = {
  [`PUT ${BASE}/:emoji/@me`]: asBot(add),
  [`DELETE ${BASE}/:emoji/@me`]: asBot((call) => remove(call, call.bot.id)),
  [`DELETE ${BASE}/:emoji/:user`]: asBot((call) => {
    channelOf(call, "MANAGE_MESSAGES");
    return remove(call, idParam(call, "user"));
  }),
  [`GET ${BASE}/:emoji`]: asBot((call) => {
    const channel = channelOf(call, "READ_MESSAGE_HISTORY");
    const users = messageOf(call, channel).reactions.get(emojiOf(call)) ?? [];
    return users.slice(0, pageSize(call, 25, 100)).map((id) => userWire(call.core.user(id)));
  }),
  [`DELETE ${BASE}`]: asBot((call) => {
    const channel = channelOf(call, "MANAGE_MESSAGES");
    clearReactions(call.core, channel, messageOf(call, channel));
    return NO_CONTENT;
  }),
  [`DELETE ${BASE}/:emoji`]: asBot((call) => {
    const channel = channelOf(call, "MANAGE_MESSAGES");
    clearReactions(call.core, channel, messageOf(call, channel), emojiOf(call));
    return NO_CONTENT;
  }),
};

function add(call: BotCall): unknown {
  const { core, bot } = call;
  const channel = channelOf(call, "READ_MESSAGE_HISTORY");
  const message = messageOf(call, channel);
  const emoji = emojiOf(call);
  if (channel.thread?.archived === true) throw refused(50083);
  const isNew = !message.reactions.has(emoji);
  // Joining in with others is everybody's right.
  if (isNew && !may(core.world, channel, bot.id, "ADD_REACTIONS")) throw refused(50013);
  if (isNew && message.reactions.size >= MAX_KINDS) throw refused(30010);
  addReaction(core, channel, message, bot.id, emoji);
  return NO_CONTENT;
}

function remove(call: BotCall, userId: string): unknown {
  const channel = channelOf(call);
  const message = messageOf(call, channel);
  removeReaction(call.core, channel, message, userId, emojiOf(call));
  return NO_CONTENT;
}

/** A Unicode emoji, or `name:id` of a custom one. */
function emojiOf(call: BotCall): string {
  const emoji = param(call, "emoji");
  if (!/^(?:\p{RGI_Emoji}|\p{Extended_Pictographic}\uFE0F?|\w{2,32}:\d{15,20})$/v.test(emoji)) throw refused(10014);
  return emoji;
}
