import type { App, Channel, Message, StoredFile, Team, User, Wire } from "./records.ts";

/** `channel_type` of message events. */
export function channelType(channel: Channel): "channel" | "group" | "im" | "mpim" {
  if (channel.kind === "public") return "channel";
  return channel.kind === "private" ? "group" : channel.kind;
}

/** A message as history, replies and events show it; metadata only when it was asked for. */
export function messageWire(message: Message, teamId: string, withMetadata = false): Wire {
  const { author } = message;
  const wire: Wire = { type: "message" };
  if (message.subtype !== undefined) wire["subtype"] = message.subtype;
  if (author.userId !== undefined) wire["user"] = author.userId;
  wire["text"] = message.text;
  wire["ts"] = message.ts;
  if (message.clientMsgId !== undefined) wire["client_msg_id"] = message.clientMsgId;
  if (author.botId !== undefined) wire["bot_id"] = author.botId;
  if (author.appId !== undefined) wire["app_id"] = author.appId;
  if (message.subtype !== "bot_message") wire["team"] = teamId;
  if (author.profile !== undefined && message.subtype !== "bot_message") wire["bot_profile"] = author.profile;
  if (message.username !== undefined) wire["username"] = message.username;
  if (message.icons !== undefined) wire["icons"] = message.icons;
  if (message.blocks !== undefined) wire["blocks"] = message.blocks;
  if (message.attachments !== undefined) wire["attachments"] = message.attachments;
  if (message.files !== undefined) {
    wire["files"] = message.files.map(fileWire);
    wire["upload"] = true;
    wire["display_as_bot"] = false;
  }
  if (message.edited !== undefined) wire["edited"] = message.edited;
  if (message.stream !== undefined) wire["streaming_state"] = message.stream.state;
  if (message.threadTs !== undefined) wire["thread_ts"] = message.threadTs;
  if (message.reactions !== undefined && message.reactions.size > 0) {
    wire["reactions"] = [...message.reactions].map(([name, users]) => ({ name, users, count: users.length }));
  }
  if (message.extra !== undefined) Object.assign(wire, message.extra);
  if (message.replies !== undefined) Object.assign(wire, threadSummary(message, message.replies));
  if (withMetadata && message.metadata !== undefined) wire["metadata"] = message.metadata;
  return wire;
}

function threadSummary(root: Message, replies: readonly Message[]): Wire {
  const visible = replies.filter((reply) => reply.deleted !== true);
  const users = [...new Set(visible.map((reply) => reply.author.userId ?? reply.author.botId ?? ""))];
  return {
    thread_ts: root.ts,
    reply_count: visible.length,
    reply_users_count: users.length,
    reply_users: users.slice(0, 5),
    latest_reply: visible.at(-1)?.ts,
    is_locked: false,
    subscribed: false,
  };
}

/** A file object; its private address needs a bot token. */
export function fileWire(file: StoredFile): Wire {
  const extension = file.name.includes(".") ? (file.name.split(".").at(-1) ?? "") : "";
  const { baseUrl } = file;
  const address = `${baseUrl}/files-pri/${file.teamId}-${file.id}`;
  return {
    id: file.id,
    created: Math.floor(file.createdAt / 1000),
    timestamp: Math.floor(file.createdAt / 1000),
    name: file.name,
    title: file.title,
    mimetype: file.mimetype,
    filetype: extension,
    pretty_type: extension.toUpperCase(),
    user: file.userId,
    user_team: file.teamId,
    editable: false,
    size: file.length,
    mode: "hosted",
    is_external: false,
    external_type: "",
    is_public: true,
    public_url_shared: false,
    display_as_bot: false,
    username: "",
    url_private: `${address}/${encodeURIComponent(file.name)}`,
    url_private_download: `${address}/download/${encodeURIComponent(file.name)}`,
    permalink: `${baseUrl}/files/${file.userId}/${file.id}/${encodeURIComponent(file.name)}`,
    has_rich_preview: false,
    file_access: "visible",
    channels: [...file.channels].filter((id) => id.startsWith("C")),
    groups: [],
    ims: [...file.channels].filter((id) => id.startsWith("D")),
  };
}

/** A conversation object as conversations.info and its siblings give it to this viewer. */
export function channelWire(channel: Channel, viewerId: string): Wire {
  const createdSeconds = Math.floor(channel.createdAt / 1000);
  if (channel.kind === "im") {
    return {
      id: channel.id,
      created: createdSeconds,
      is_archived: channel.archived,
      is_im: true,
      is_org_shared: false,
      context_team_id: channel.teamId,
      updated: channel.createdAt,
      user: [...channel.members].find((member) => member !== viewerId) ?? viewerId,
      is_user_deleted: false,
      priority: 0,
    };
  }
  return {
    id: channel.id,
    name: channel.name,
    is_channel: channel.kind === "public",
    is_group: channel.kind === "private",
    is_im: false,
    is_mpim: channel.kind === "mpim",
    is_private: channel.kind !== "public",
    created: createdSeconds,
    is_archived: channel.archived,
    is_general: false,
    unlinked: 0,
    name_normalized: channel.name,
    is_shared: channel.isExtShared,
    is_org_shared: false,
    is_pending_ext_shared: false,
    pending_shared: [],
    context_team_id: channel.teamId,
    updated: channel.createdAt,
    parent_conversation: null,
    creator: channel.creatorId,
    is_ext_shared: channel.isExtShared,
    shared_team_ids: [channel.teamId],
    pending_connected_team_ids: [],
    is_member: channel.members.has(viewerId),
    topic: { value: "", creator: "", last_set: 0 },
    purpose: { value: "", creator: "", last_set: 0 },
    previous_names: channel.previousNames,
  };
}

export function userWire(user: User): Wire {
  return {
    id: user.id,
    team_id: user.teamId,
    name: user.name,
    deleted: user.deleted,
    color: "9f69e7",
    real_name: user.realName,
    tz: "Europe/Berlin",
    tz_label: "Central European Time",
    tz_offset: 3600,
    profile: {
      title: "",
      phone: "",
      real_name: user.realName,
      real_name_normalized: user.realName,
      display_name: user.name,
      display_name_normalized: user.name,
      avatar_hash: "g0",
      status_text: "",
      status_emoji: "",
      team: user.teamId,
      ...(user.isBot ? { api_app_id: user.appId ?? "", bot_id: user.botId ?? "", always_active: true } : {}),
    },
    is_admin: user.isAdmin,
    is_owner: false,
    is_primary_owner: false,
    is_restricted: user.isRestricted,
    is_ultra_restricted: user.isUltraRestricted,
    ...(user.isStranger ? { is_stranger: true } : {}),
    is_bot: user.isBot,
    is_app_user: false,
    updated: 1_700_000_000,
    is_email_confirmed: !user.isBot,
    who_can_share_contact_card: "EVERYONE",
  };
}

/** The bot_profile that accompanies the posts of an app. */
export function botProfile(app: App, ids: { botId: string; botUserId: string; teamId: string }): Wire {
  return {
    id: ids.botId,
    app_id: app.id,
    user_id: ids.botUserId,
    name: app.name,
    icons: {},
    deleted: false,
    updated: 1_700_000_000,
    team_id: ids.teamId,
  };
}

export function teamWire(team: Team): Wire {
  return { id: team.id, name: team.name, domain: team.domain, email_domain: "", icon: { image_default: true } };
}
