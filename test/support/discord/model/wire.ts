import { createHmac } from "node:crypto";
import type { Core } from "../core.ts";
import { CHANNEL_TYPES, MESSAGE_FLAGS, PRIVILEGED_INTENTS } from "./bits.ts";
import { channelPermissions } from "./permissions.ts";
import type {
  Application,
  Channel,
  Guild,
  Member,
  Message,
  Role,
  StoredAttachment,
  User,
  Webhook,
  Wire,
} from "./records.ts";

export function iso(ms: number): string {
  // Discord writes microseconds and an offset.
  return new Date(ms).toISOString().replace("Z", "000+00:00");
}

export function userWire(user: User): Wire {
  return {
    id: user.id,
    username: user.username,
    discriminator: user.isBot ? "0001" : "0",
    global_name: user.globalName,
    avatar: null,
    avatar_decoration_data: null,
    collectibles: null,
    clan: null,
    primary_guild: null,
    public_flags: 0,
    ...(user.isBot ? { bot: true } : {}),
  };
}

/** A member without the user, as beside a message. */
export function memberWire(guild: Guild, member: Member): Wire {
  return {
    nick: member.nick,
    roles: [...member.roles],
    joined_at: iso(member.joinedAt),
    communication_disabled_until: member.timeoutUntil === null ? null : iso(member.timeoutUntil),
    premium_since: null,
    avatar: null,
    banner: null,
    deaf: false,
    mute: false,
    pending: false,
    flags: (guild.members.has(member.userId) ? 0 : 1) | (member.isGuest === true ? 1 << 4 : 0),
  };
}

export function fullMemberWire(core: Core, guild: Guild, member: Member): Wire {
  return { ...memberWire(guild, member), user: userWire(core.user(member.userId)) };
}

export function roleWire(role: Role): Wire {
  return {
    id: role.id,
    name: role.name,
    description: null,
    permissions: String(role.permissions),
    position: role.position,
    color: 0,
    colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
    hoist: false,
    icon: null,
    unicode_emoji: null,
    managed: role.botId !== undefined,
    mentionable: role.mentionable,
    flags: 0,
    ...(role.botId === undefined ? {} : { tags: { bot_id: role.botId } }),
  };
}

export function channelWire(core: Core, channel: Channel, viewerId?: string): Wire {
  const base = {
    id: channel.id,
    type: channel.type,
    flags: 0,
    last_message_id: channel.messages.at(-1)?.id ?? null,
  };
  if (channel.guildId === undefined) {
    const others = channel.recipients.filter((id) => id !== viewerId);
    return { ...base, recipients: others.map((id) => userWire(core.user(id))) };
  }
  const inGuild = {
    ...base,
    guild_id: channel.guildId,
    name: channel.name,
    parent_id: channel.parentId,
    rate_limit_per_user: 0,
  };
  const { thread } = channel;
  if (thread !== undefined) {
    const joinedAt = viewerId === undefined ? undefined : thread.members.get(viewerId);
    const count = channel.messages.filter((message) => !message.deleted).length;
    return {
      ...inGuild,
      owner_id: thread.ownerId,
      message_count: count,
      total_message_sent: channel.messages.length,
      member_count: Math.min(50, thread.members.size),
      applied_tags: thread.appliedTags,
      thread_metadata: {
        archived: thread.archived,
        locked: thread.locked,
        auto_archive_duration: thread.autoArchiveMinutes,
        archive_timestamp: iso(thread.archiveChangedAt),
        create_timestamp: iso(thread.createdAt),
        ...(channel.type === CHANNEL_TYPES.PRIVATE_THREAD ? { invitable: thread.invitable } : {}),
      },
      ...(joinedAt === undefined || viewerId === undefined
        ? {}
        : {
            member: {
              id: channel.id,
              user_id: viewerId,
              join_timestamp: iso(joinedAt),
              flags: 1,
              muted: false,
              mute_config: null,
            },
          }),
    };
  }
  return {
    ...inGuild,
    position: channel.position,
    topic: channel.topic,
    nsfw: false,
    permission_overwrites: [...channel.overwrites.values()].map(({ id, type, allow, deny }) => ({
      id,
      type: type === "role" ? 0 : 1,
      allow: String(allow),
      deny: String(deny),
    })),
    ...(channel.type === CHANNEL_TYPES.GUILD_FORUM
      ? { available_tags: [], default_reaction_emoji: null, default_sort_order: null, default_forum_layout: 0 }
      : {}),
  };
}

export function threadMemberWire(channel: Channel, userId: string): Wire {
  return { id: channel.id, user_id: userId, join_timestamp: iso(channel.thread?.members.get(userId) ?? 0), flags: 0 };
}

export function guildWire(core: Core, guild: Guild): Wire {
  return {
    id: guild.id,
    name: guild.name,
    icon: null,
    splash: null,
    discovery_splash: null,
    banner: null,
    description: null,
    owner_id: guild.ownerId,
    afk_channel_id: null,
    afk_timeout: 300,
    verification_level: 0,
    default_message_notifications: 0,
    explicit_content_filter: 0,
    roles: [...guild.roles.values()].map(roleWire),
    emojis: [],
    stickers: [],
    features: [],
    mfa_level: 0,
    application_id: null,
    system_channel_id: guild.systemChannelId,
    system_channel_flags: 0,
    rules_channel_id: null,
    max_members: 500_000,
    vanity_url_code: null,
    premium_tier: 0,
    premium_subscription_count: 0,
    preferred_locale: "en-US",
    public_updates_channel_id: null,
    nsfw: false,
    nsfw_level: 0,
    premium_progress_bar_enabled: false,
    safety_alerts_channel_id: null,
    incidents_data: null,
    region: core.options.host,
  };
}

/** What GUILD_CREATE carries beyond the guild itself; without the members intent only the bot is among the members. */
export function guildCreateWire(core: Core, guild: Guild, viewerId: string, allMembers: boolean): Wire {
  const channels = core.world.channelsOf(guild.id);
  const viewer = guild.members.get(viewerId);
  const threads = channels.filter(
    (channel) => channel.thread?.archived === false && channelPermissions(core.world, channel, viewerId) !== 0n,
  );
  const members = allMembers ? [...guild.members.values()] : viewer === undefined ? [] : [viewer];
  return {
    ...guildWire(core, guild),
    joined_at: iso(viewer?.joinedAt ?? 0),
    large: guild.members.size > 250,
    unavailable: false,
    member_count: guild.members.size,
    voice_states: [],
    members: members.map((member) => fullMemberWire(core, guild, member)),
    channels: channels.filter((channel) => channel.thread === undefined).map((channel) => channelWire(core, channel)),
    threads: threads.map((channel) => channelWire(core, channel, viewerId)),
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
  };
}

export function applicationWire(core: Core, application: Application): Wire {
  const flags = { GUILD_PRESENCES: 1 << 12, GUILD_MEMBERS: 1 << 14, MESSAGE_CONTENT: 1 << 18 };
  return {
    id: application.id,
    name: application.name,
    icon: null,
    description: "",
    bot_public: true,
    bot_require_code_grant: false,
    verify_key: "0".repeat(64),
    owner: userWire(core.user(application.ownerId)),
    team: null,
    bot: userWire(core.user(application.botUserId)),
    approximate_guild_count: core.world.guildsOf(application.botUserId).length,
    interactions_endpoint_url: null,
    flags: PRIVILEGED_INTENTS.reduce(
      // Unverified apps have the "limited" variant of each flag, one bit above.
      (bits, name) => (application.privilegedIntents.has(name) ? bits | (flags[name] << 1) : bits),
      0,
    ),
  };
}

export function webhookWire(core: Core, webhook: Webhook, withCreator = true): Wire {
  return {
    id: webhook.id,
    type: 1,
    name: webhook.name,
    avatar: webhook.avatar,
    channel_id: webhook.channelId,
    guild_id: webhook.guildId,
    application_id: webhook.applicationId,
    token: webhook.token,
    url: `${core.url}/api/webhooks/${webhook.id}/${webhook.token}`,
    ...(withCreator ? { user: userWire(core.user(webhook.creatorId)) } : {}),
  };
}

/** The signed address of a file, good for a day. */
export function attachmentUrl(core: Core, channelId: string, attachment: StoredAttachment): string {
  const path = `/${attachment.ephemeral === true ? "ephemeral-attachments" : "attachments"}/${channelId}/${attachment.id}/${encodeURIComponent(attachment.filename)}`;
  const expires = Math.floor((core.nowMs() + core.options.fileLinkMs) / 1000).toString(16);
  return `${core.url}/cdn${path}?ex=${expires}&is=${Math.floor(core.nowMs() / 1000).toString(16)}&hm=${fileSignature(core, path, expires)}&`;
}

export function fileSignature(core: Core, path: string, expires: string): string {
  return createHmac("sha256", core.fileKey).update(`${path}|${expires}`).digest("hex");
}

export function attachmentWire(core: Core, channelId: string, attachment: StoredAttachment): Wire {
  const url = attachmentUrl(core, channelId, attachment);
  const { contentType, description, durationSecs, waveform, ephemeral } = attachment;
  return {
    id: attachment.id,
    filename: attachment.filename,
    size: attachment.bytes.length,
    url,
    proxy_url: url,
    ...(contentType === undefined ? {} : { content_type: contentType }),
    ...(contentType?.startsWith("image/") === true ? { width: 1, height: 1 } : {}),
    ...(description === undefined ? {} : { description }),
    ...(durationSecs === undefined ? {} : { duration_secs: durationSecs }),
    ...(waveform === undefined ? {} : { waveform }),
    ...(ephemeral === undefined ? {} : { ephemeral }),
  };
}

function authorWire(core: Core, message: Message): Wire {
  if (message.webhook === undefined) return userWire(core.user(message.authorId));
  const { id, name, avatar } = message.webhook;
  return {
    id,
    username: name,
    global_name: null,
    avatar,
    discriminator: "0000",
    public_flags: 0,
    flags: 0,
    bot: true,
    clan: null,
    primary_guild: null,
  };
}

/** A message as REST and the gateway show it, before anything is blanked for want of the content intent. */
export function messageWire(core: Core, message: Message, viewerId?: string, depth = 1): Wire {
  const { reference, interaction } = message;
  const referenced =
    reference?.type === 0 && depth > 0
      ? core.world.channels.get(reference.channelId)?.byId.get(reference.messageId)
      : undefined;
  const thread = message.threadId === undefined ? undefined : core.world.channels.get(message.threadId);
  return {
    id: message.id,
    channel_id: message.channelId,
    type: message.type,
    content: message.content,
    timestamp: iso(message.createdAt),
    edited_timestamp: message.editedAt === null ? null : iso(message.editedAt),
    tts: false,
    pinned: message.pinned,
    flags: message.flags | (thread === undefined || thread.deleted ? 0 : MESSAGE_FLAGS.HAS_THREAD),
    author: authorWire(core, message),
    mentions: message.mentions.users.flatMap((id) => {
      const user = core.world.users.get(id);
      return user === undefined ? [] : [userWire(user)];
    }),
    mention_roles: message.mentions.roles,
    mention_everyone: message.mentions.everyone,
    attachments: message.attachments.map((one) => attachmentWire(core, message.channelId, one)),
    embeds: (message.flags & MESSAGE_FLAGS.SUPPRESS_EMBEDS) === 0 ? message.embeds : [],
    components: message.components,
    ...(message.reactions.size === 0 ? {} : { reactions: reactionsWire(message, viewerId) }),
    ...(message.webhook === undefined ? {} : { webhook_id: message.webhook.id }),
    ...(message.applicationId === undefined ? {} : { application_id: message.applicationId }),
    ...(message.nonce === undefined ? {} : { nonce: message.nonce }),
    ...(reference === undefined
      ? {}
      : {
          message_reference: {
            type: reference.type,
            channel_id: reference.channelId,
            message_id: reference.messageId,
            ...(reference.guildId === undefined ? {} : { guild_id: reference.guildId }),
          },
        }),
    ...(message.snapshots === undefined ? {} : { message_snapshots: message.snapshots }),
    ...(reference?.type === 0 && depth > 0
      ? {
          referenced_message:
            referenced === undefined || referenced.deleted ? null : messageWire(core, referenced, viewerId, 0),
        }
      : {}),
    ...(interaction === undefined
      ? {}
      : {
          interaction_metadata: {
            id: interaction.id,
            type: interaction.type,
            user: userWire(core.user(interaction.userId)),
            authorizing_integration_owners: {},
            ...(interaction.name === undefined ? {} : { name: interaction.name }),
          },
        }),
    ...(thread === undefined || thread.deleted ? {} : { thread: channelWire(core, thread, viewerId) }),
  };
}

function reactionsWire(message: Message, viewerId: string | undefined): Wire[] {
  return [...message.reactions].map(([emoji, users]) => ({
    emoji: emojiWire(emoji),
    count: users.length,
    count_details: { normal: users.length, burst: 0 },
    me: viewerId !== undefined && users.includes(viewerId),
    me_burst: false,
    burst_colors: [],
  }));
}

/** `👀` or `name:id` as Discord's emoji object. */
export function emojiWire(emoji: string): Wire {
  const [name = "", id] = emoji.split(":");
  return { id: id ?? null, name };
}
