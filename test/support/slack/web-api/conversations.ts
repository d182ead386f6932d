import { joinChannel, leaveChannel, openDirect } from "../effects/membership.ts";
import { byApp } from "../effects/provenance.ts";
import type { Channel, ChannelKind, Wire } from "../model/records.ts";
import { channelWire } from "../model/wire.ts";
import { ApiError, invalidArguments } from "./api-error.ts";
import {
  type BotCall,
  type Handler,
  knownUser,
  memberChannel,
  needScope,
  page,
  scopeFamily,
  visibleChannel,
} from "./call.ts";

const READ_SCOPES = ["channels:read", "groups:read", "im:read", "mpim:read"];
const KINDS: Record<string, ChannelKind> = {
  public_channel: "public",
  private_channel: "private",
  im: "im",
  mpim: "mpim",
};

/** What channels there are, who is in them, and how the bot gets in and out. */
export const conversationMethods: Record<string, Handler> = {
  "conversations.info": { auth: "bot", scopes: READ_SCOPES, run: info },
  "conversations.members": { auth: "bot", scopes: READ_SCOPES, run: members },
  "conversations.list": { auth: "bot", scopes: READ_SCOPES, run: list },
  "users.conversations": { auth: "bot", scopes: READ_SCOPES, run: ofUser },
  "conversations.join": { auth: "bot", scopes: ["channels:join", "channels:manage"], run: join },
  "conversations.leave": { auth: "bot", scopes: ["channels:manage", "channels:join", "groups:write"], run: leave },
  "conversations.open": { auth: "bot", scopes: ["im:write", "mpim:write"], run: open },
};

function readable(call: BotCall): Channel {
  const channel = visibleChannel(call, call.args.needText("channel"));
  needScope(call, `${scopeFamily(channel)}:read`);
  return channel;
}

function info(call: BotCall): Wire {
  const channel = readable(call);
  const wire = channelWire(channel, call.installation.botUserId);
  if (call.args.flag("include_num_members") === true) wire["num_members"] = channel.members.size;
  return { channel: wire };
}

function members(call: BotCall): Wire {
  const channel = readable(call);
  const { items, next } = page([...channel.members], call.args.text("cursor"), call.args.limit(100, 999));
  return { members: items, response_metadata: { next_cursor: next } };
}

function list(call: BotCall): Wire {
  const { botUserId } = call.installation;
  return channelPage(call, (channel) => channel.kind === "public" || channel.members.has(botUserId));
}

function ofUser(call: BotCall): Wire {
  const { botUserId } = call.installation;
  const user = call.args.text("user") ?? botUserId;
  knownUser(call, user);
  return channelPage(
    call,
    (channel) => channel.members.has(user) && (channel.kind === "public" || channel.members.has(botUserId)),
  );
}

function channelPage(call: BotCall, isShown: (channel: Channel) => boolean): Wire {
  const { args, core } = call;
  const kinds = (args.text("types") ?? "public_channel").split(",").map((name) => {
    const kind = KINDS[name.trim()];
    if (kind === undefined) throw new ApiError("invalid_types");
    return kind;
  });
  const withoutArchived = args.flag("exclude_archived") === true;
  const shown = core.world
    .channelsOf(call.team.id)
    .filter((one) => kinds.includes(one.kind) && isShown(one) && !(withoutArchived && one.archived));
  const { items, next } = page(shown, args.text("cursor"), args.limit(100, 999));
  return {
    channels: items.map((channel) => ({
      ...channelWire(channel, call.installation.botUserId),
      ...(channel.kind === "im" ? {} : { num_members: channel.members.size }),
    })),
    response_metadata: { next_cursor: next },
  };
}

function join(call: BotCall): Wire {
  const channel = visibleChannel(call, call.args.needText("channel"));
  if (channel.kind !== "public") throw new ApiError("method_not_supported_for_channel_type");
  if (channel.archived) throw new ApiError("is_archived");
  const { botUserId } = call.installation;
  if (channel.members.has(botUserId)) {
    return {
      channel: channelWire(channel, botUserId),
      warning: "already_in_channel",
      response_metadata: { warnings: ["already_in_channel"] },
    };
  }
  joinChannel(call.core, channel, botUserId, byApp(call));
  return { channel: channelWire(channel, botUserId) };
}

function leave(call: BotCall): Wire {
  const channel = memberChannel(call, call.args.needText("channel"));
  if (channel.kind === "im") throw new ApiError("method_not_supported_for_channel_type");
  leaveChannel(call.core, channel, call.installation.botUserId, call.installation.botUserId);
  return {};
}

function open(call: BotCall): Wire {
  const { args, core } = call;
  const given = args.text("channel");
  if (given !== undefined) return { channel: { id: memberChannel(call, given).id }, no_op: true, already_open: true };
  const users = args
    .text("users")
    ?.split(",")
    .map((id) => id.trim());
  if (users === undefined) throw new ApiError("users_list_not_supplied");
  if (users.length > 8) throw new ApiError("too_many_users");
  for (const id of users) {
    if (knownUser(call, id).deleted) throw new ApiError("user_disabled");
  }
  if (users.includes(call.installation.botUserId)) throw invalidArguments("cannot open a conversation with oneself");
  needScope(call, users.length > 1 ? "mpim:write" : "im:write");
  const { channel, isNew } = openDirect(core, call.team.id, [call.installation.botUserId, ...users]);
  const full = args.flag("return_im") === true ? channelWire(channel, call.installation.botUserId) : { id: channel.id };
  return { channel: full, ...(isNew ? {} : { no_op: true, already_open: true }) };
}
