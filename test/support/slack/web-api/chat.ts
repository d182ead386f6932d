import { openDirect } from "../effects/membership.ts";
import { addMessage, changeMessage, logMessage, removeMessage } from "../effects/messages.ts";
import { byApp } from "../effects/provenance.ts";
import type { Author, Channel, Message, Wire } from "../model/records.ts";
import { messageWire } from "../model/wire.ts";
import { ApiError } from "./api-error.ts";
import {
  type BotCall,
  existingMessage,
  type Handler,
  hasScope,
  memberChannel,
  threadRoot,
  visibleChannel,
} from "./call.ts";
import { contentOf, identityOf, unfurlFlags } from "./message-arguments.ts";

/** Posting, editing and deleting messages. */
export const chatMethods: Record<string, Handler> = {
  "chat.postMessage": { auth: "bot", scopes: ["chat:write"], run: postMessage },
  "chat.postEphemeral": { auth: "bot", scopes: ["chat:write"], run: postEphemeral },
  "chat.update": { auth: "bot", scopes: ["chat:write"], run: update },
  "chat.delete": { auth: "bot", scopes: ["chat:write"], run: remove },
  "chat.getPermalink": { auth: "bot", scopes: [], run: permalink },
};

/** The channel of a new message: the bot must be in it (or hold chat:write.public), and it must be open. A user id opens the DM. */
export function postableChannel(call: BotCall, id: string): Channel {
  if (/^[UW]/.test(id)) {
    if (!call.core.world.users.has(id)) throw new ApiError("channel_not_found");
    return openDirect(call.core, call.team.id, [call.installation.botUserId, id]).channel;
  }
  const channel =
    hasScope(call, "chat:write.public") && call.core.world.channels.get(id)?.kind === "public"
      ? visibleChannel(call, id)
      : memberChannel(call, id);
  if (channel.archived) throw new ApiError("is_archived");
  return channel;
}

function authorOf(call: BotCall): Author {
  const { botUserId, botId, profile } = call.installation;
  return { userId: botUserId, botId, appId: call.app.id, profile };
}

/** A customised post is a bot_message without a user; the others carry the bot user. */
export function authorship(call: BotCall): { author: Author; subtype?: string; username?: string; icons?: Wire } {
  const { isCustom, ...identity } = identityOf(call);
  if (!isCustom) return { author: authorOf(call) };
  return { author: { botId: call.installation.botId, appId: call.app.id }, subtype: "bot_message", ...identity };
}

function postMessage(call: BotCall): Wire {
  const { core, args } = call;
  const channel = postableChannel(call, args.needText("channel"));
  const content = contentOf(call);
  const identity = authorship(call);
  const threadTs = args.text("thread_ts");
  const root = threadTs === undefined ? undefined : threadRoot(channel, threadTs);
  const broadcast = root !== undefined && args.flag("reply_broadcast") === true;
  const message = addMessage(
    core,
    channel,
    {
      ...identity,
      ...content,
      ...(root === undefined ? {} : { root }),
      ...(broadcast ? { broadcast, subtype: "thread_broadcast" } : {}),
      interpreted: unfurlFlags(call),
    },
    byApp(call),
  );
  return { channel: channel.id, ts: message.ts, message: messageWire(message, channel.teamId) };
}

function postEphemeral(call: BotCall): Wire {
  const { core, args } = call;
  const channel = postableChannel(call, args.needText("channel"));
  const user = args.needText("user");
  if (!channel.members.has(user)) throw new ApiError("user_not_in_channel");
  const content = contentOf(call);
  const { author, ...identity } = authorship(call);
  const threadTs = args.text("thread_ts");
  // Seen by one person only and never stored: it has a ts, but no place in the channel.
  const message: Message = {
    channel: channel.id,
    ts: core.eventTs(),
    author,
    ...identity,
    ...content,
    ...(threadTs === undefined ? {} : { threadTs: threadRoot(channel, threadTs).ts }),
  };
  logMessage(core, channel, "ephemeral", message, byApp(call), { ...content, ...unfurlFlags(call) }, { user });
  return { message_ts: message.ts };
}

function update(call: BotCall): Wire {
  const { core, args } = call;
  const channel = memberChannel(call, args.needText("channel"));
  const message = ownMessage(call, channel, args.needText("ts"), "cant_update_message");
  if (channel.archived) throw new ApiError("is_inactive");
  if (message.stream?.state === "in_progress") throw new ApiError("streaming_state_conflict");
  const text = args.text("text");
  if (text !== undefined && text.length > 4_000) throw new ApiError("msg_too_long");
  const content = contentOf(call);
  changeMessage(
    core,
    channel,
    message,
    {
      ...(text === undefined && args.text("markdown_text") === undefined ? {} : { text: content.text }),
      // Text alone removes the blocks; blocks alone leave no "edited" mark.
      blocks: content.blocks ?? null,
      attachments: content.attachments ?? null,
      ...(content.metadata === undefined ? {} : { metadata: content.metadata }),
      edited: content.blocks === undefined,
    },
    byApp(call),
  );
  return { channel: channel.id, ts: message.ts, text: message.text, message: messageWire(message, channel.teamId) };
}

function remove(call: BotCall): Wire {
  const channel = memberChannel(call, call.args.needText("channel"));
  const message = ownMessage(call, channel, call.args.needText("ts"), "cant_delete_message");
  removeMessage(call.core, channel, message, byApp(call));
  return { channel: channel.id, ts: message.ts };
}

function permalink(call: BotCall): Wire {
  const channel = visibleChannel(call, call.args.needText("channel"));
  const message = existingMessage(channel, call.args.needText("message_ts"));
  const path = `/archives/${channel.id}/p${message.ts.replace(".", "")}`;
  return { channel: channel.id, permalink: `https://${call.team.domain}.slack.com${path}` };
}

/** A message that this very app posted. */
export function ownMessage(call: BotCall, channel: Channel, ts: string, refusal: string): Message {
  const message = existingMessage(channel, ts);
  if (message.author.botId !== call.installation.botId) throw new ApiError(refusal);
  return message;
}
