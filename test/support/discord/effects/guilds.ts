import type { Core } from "../core.ts";
import { INTENTS, MESSAGE_TYPES } from "../model/bits.ts";
import type { Channel, Guild, Member, Overwrite, Role, Webhook, Wire } from "../model/records.ts";
import { channelWire, fullMemberWire, guildCreateWire, guildWire, roleWire, userWire } from "../model/wire.ts";
import type { LogEntry } from "../oracle/guild-log.ts";
import { postMessage } from "./messages.ts";
import { deleteThread } from "./threads.ts";

/** Who did something, as the log tells it. */
function actedBy(core: Core, actorId: string): Pick<LogEntry, "by" | "actor"> {
  return { by: core.user(actorId).isBot ? "app" : "person", actor: actorId };
}

/** Somebody comes into a guild; of a bot its own sessions get the whole guild. */
export function addMember(core: Core, guild: Guild, userId: string, how: { isGuest?: boolean } = {}): Member {
  const member: Member = {
    userId,
    nick: null,
    roles: new Set(),
    joinedAt: core.nowMs(),
    timeoutUntil: null,
    ...how,
  };
  guild.members.set(userId, member);
  const user = core.user(userId);
  core.log.append({ kind: "member_join", guild: guild.id, ...actedBy(core, userId) });
  if (user.applicationId !== undefined) sendGuild(core, guild, user.applicationId, userId);
  core.events.toGuild(guild.id, {
    type: "GUILD_MEMBER_ADD",
    intents: INTENTS.GUILD_MEMBERS,
    data: (session) =>
      session.botUserId === userId ? undefined : { ...fullMemberWire(core, guild, member), guild_id: guild.id },
  });
  const welcome = guild.systemChannelId === null ? undefined : core.world.channels.get(guild.systemChannelId);
  if (welcome !== undefined && !user.isBot)
    postMessage(core, welcome, { authorId: userId, type: MESSAGE_TYPES.USER_JOIN });
  return member;
}

/** Somebody leaves or is thrown out. */
export function removeMember(core: Core, guild: Guild, userId: string): void {
  const { applicationId } = core.user(userId);
  if (!guild.members.has(userId)) return;
  if (applicationId !== undefined) {
    core.events.toApplication(applicationId, guild.id, {
      type: "GUILD_DELETE",
      intents: INTENTS.GUILDS,
      data: () => ({ id: guild.id }),
    });
  }
  guild.members.delete(userId);
  for (const channel of core.world.channelsOf(guild.id)) channel.thread?.members.delete(userId);
  core.log.append({ kind: "member_leave", guild: guild.id, ...actedBy(core, userId) });
  core.events.toGuild(guild.id, {
    type: "GUILD_MEMBER_REMOVE",
    intents: INTENTS.GUILD_MEMBERS,
    data: () => ({ guild_id: guild.id, user: userWire(core.user(userId)) }),
  });
}

/** Roles, nick or timeout changed: everybody with the members intent hears of it, and the bot of itself. */
export function tellMember(core: Core, guild: Guild, member: Member): void {
  core.events.toGuild(guild.id, {
    type: "GUILD_MEMBER_UPDATE",
    intents: 0,
    data: (session) =>
      session.wants(INTENTS.GUILD_MEMBERS) || session.botUserId === member.userId
        ? { ...fullMemberWire(core, guild, member), guild_id: guild.id }
        : undefined,
  });
}

/** An outage begins or ends; nobody has left. */
export function setAvailable(core: Core, guild: Guild, available: boolean): void {
  if (guild.available === available) return;
  guild.available = available;
  if (!available) {
    core.events.toGuild(guild.id, {
      type: "GUILD_DELETE",
      intents: INTENTS.GUILDS,
      data: () => ({ id: guild.id, unavailable: true }),
    });
    return;
  }
  for (const { id, botUserId } of core.world.applications.values())
    if (guild.members.has(botUserId)) sendGuild(core, guild, id, botUserId);
}

export function tellGuild(core: Core, guild: Guild): void {
  core.events.toGuild(guild.id, { type: "GUILD_UPDATE", intents: INTENTS.GUILDS, data: () => guildWire(core, guild) });
}

export function tellRole(core: Core, guild: Guild, role: Role, what: "CREATE" | "UPDATE" | "DELETE"): void {
  const data =
    what === "DELETE" ? { guild_id: guild.id, role_id: role.id } : { guild_id: guild.id, role: roleWire(role) };
  core.events.toGuild(guild.id, { type: `GUILD_ROLE_${what}`, intents: INTENTS.GUILDS, data: () => data });
}

export interface NewChannel {
  readonly name: string;
  readonly type: number;
  readonly parentId?: string | null;
  readonly topic?: string | null;
  readonly overwrites?: readonly Overwrite[];
}

export function addChannel(core: Core, guild: Guild, given: NewChannel, actorId: string): Channel {
  const channel: Channel = {
    id: core.world.newId(),
    type: given.type,
    guildId: guild.id,
    name: given.name,
    topic: given.topic ?? null,
    parentId: given.parentId ?? null,
    position: core.world.channelsOf(guild.id).length,
    overwrites: new Map((given.overwrites ?? []).map((one) => [one.id, one])),
    recipients: [],
    thread: undefined,
    messages: [],
    byId: new Map(),
    webhooks: new Set(),
    deleted: false,
  };
  core.world.channels.set(channel.id, channel);
  core.log.append({
    kind: "channel",
    guild: guild.id,
    channel: channel.id,
    ...actedBy(core, actorId),
    detail: { change: "created", name: channel.name },
  });
  tellChannel(core, channel, "CREATE");
  return channel;
}

export function tellChannel(core: Core, channel: Channel, what: "CREATE" | "UPDATE" | "DELETE"): void {
  const { guildId } = channel;
  if (guildId === undefined) return;
  // Bots are told of all channels of a guild, hidden ones too.
  core.events.toGuild(guildId, {
    type: `CHANNEL_${what}`,
    intents: INTENTS.GUILDS,
    data: () => channelWire(core, channel),
  });
}

/** Whoever can see a channel now and could not before gets its active threads. */
export function syncThreads(core: Core, channel: Channel, gained: (botUserId: string) => boolean): void {
  const { guildId } = channel;
  if (guildId === undefined) return;
  core.events.toGuild(guildId, {
    type: "THREAD_LIST_SYNC",
    intents: INTENTS.GUILDS,
    data: ({ botUserId }): Wire | undefined => {
      if (!gained(botUserId)) return undefined;
      const threads = core.world.activeThreads(guildId).filter((thread) => thread.parentId === channel.id);
      return {
        guild_id: guildId,
        channel_ids: [channel.id],
        threads: threads.map((thread) => channelWire(core, thread, botUserId)),
        members: [],
      };
    },
  });
}

export function deleteChannel(core: Core, channel: Channel, actorId: string): void {
  for (const thread of core.world.channelsOf(channel.guildId ?? ""))
    if (thread.thread !== undefined && thread.parentId === channel.id) deleteThread(core, thread, actorId);
  channel.deleted = true;
  for (const id of channel.webhooks) core.world.webhooks.delete(id);
  core.log.append({
    kind: "channel",
    channel: channel.id,
    ...(channel.guildId === undefined ? {} : { guild: channel.guildId }),
    ...actedBy(core, actorId),
    detail: { change: "deleted" },
  });
  tellChannel(core, channel, "DELETE");
}

export function addWebhook(
  core: Core,
  channel: Channel,
  given: { name: string; avatar: string | null; applicationId: string | null; creatorId: string },
): Webhook {
  const webhook: Webhook = {
    id: core.world.newId(),
    token: core.world.newSecret(),
    guildId: channel.guildId ?? "",
    channelId: channel.id,
    ...given,
  };
  core.world.webhooks.set(webhook.id, webhook);
  channel.webhooks.add(webhook.id);
  core.log.append({
    kind: "webhook_create",
    guild: webhook.guildId,
    channel: channel.id,
    ...actedBy(core, given.creatorId),
    detail: { webhook: webhook.id, name: webhook.name },
  });
  tellWebhooks(core, channel);
  return webhook;
}

export function removeWebhook(core: Core, webhook: Webhook): void {
  core.world.webhooks.delete(webhook.id);
  const channel = core.world.channels.get(webhook.channelId);
  channel?.webhooks.delete(webhook.id);
  if (channel !== undefined) tellWebhooks(core, channel);
}

export function tellWebhooks(core: Core, channel: Channel): void {
  const { guildId } = channel;
  if (guildId === undefined) return;
  core.events.toGuild(guildId, {
    type: "WEBHOOKS_UPDATE",
    intents: INTENTS.GUILD_WEBHOOKS,
    data: () => ({ guild_id: guildId, channel_id: channel.id }),
  });
}

function sendGuild(core: Core, guild: Guild, applicationId: string, botUserId: string): void {
  core.events.toApplication(applicationId, guild.id, {
    type: "GUILD_CREATE",
    intents: INTENTS.GUILDS,
    data: (session) => guildCreateWire(core, guild, botUserId, session.wants(INTENTS.GUILD_MEMBERS)),
  });
}
