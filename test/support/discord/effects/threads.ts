import type { Core } from "../core.ts";
import { CHANNEL_TYPES, INTENTS, MESSAGE_TYPES } from "../model/bits.ts";
import { may } from "../model/permissions.ts";
import type { Channel, Message, Wire } from "../model/records.ts";
import { channelWire, fullMemberWire, threadMemberWire } from "../model/wire.ts";
import type { LogEntry } from "../oracle/guild-log.ts";
import { postMessage } from "./messages.ts";
import { tellThread } from "./unarchive.ts";

export interface NewThread {
  readonly name: string;
  readonly creatorId: string;
  readonly type: number;
  readonly autoArchiveMinutes?: number;
  readonly invitable?: boolean;
  readonly appliedTags?: readonly string[];
  /** The message that it hangs under; it gives the thread its id. */
  readonly starter?: Message;
  readonly by?: LogEntry["by"];
}

/** Makes a thread, with the system messages that Discord writes beside it. */
export function createThread(core: Core, parent: Channel, given: NewThread): Channel {
  const nowMs = core.nowMs();
  const guildId = parent.guildId ?? "";
  const thread: Channel = {
    id: given.starter?.id ?? core.world.newId(nowMs),
    type: given.type,
    guildId,
    name: given.name,
    topic: null,
    parentId: parent.id,
    position: 0,
    overwrites: new Map(),
    recipients: [],
    thread: {
      ownerId: given.creatorId,
      archived: false,
      locked: false,
      autoArchiveMinutes: given.autoArchiveMinutes ?? 4_320,
      archiveChangedAt: nowMs,
      invitable: given.invitable ?? true,
      createdAt: nowMs,
      members: new Map([[given.creatorId, nowMs]]),
      appliedTags: [...(given.appliedTags ?? [])],
    },
    messages: [],
    byId: new Map(),
    webhooks: new Set(),
    deleted: false,
  };
  core.world.channels.set(thread.id, thread);
  const by = given.by ?? (core.user(given.creatorId).isBot ? "app" : "person");
  core.log.append({
    kind: "thread_create",
    guild: guildId,
    channel: thread.id,
    by,
    actor: given.creatorId,
    text: given.name,
    detail: { parent: parent.id, type: given.type },
  });
  core.events.inChannel(thread, { guild: INTENTS.GUILDS, direct: 0 }, "THREAD_CREATE", (session) => ({
    ...channelWire(core, thread, session.botUserId),
    newly_created: true,
  }));
  const { starter } = given;
  if (starter !== undefined) {
    starter.threadId = thread.id;
    core.events.message("MESSAGE_UPDATE", parent, starter);
    postMessage(core, thread, {
      authorId: given.creatorId,
      type: MESSAGE_TYPES.THREAD_STARTER_MESSAGE,
      reference: { type: 0, messageId: starter.id, channelId: parent.id, guildId },
      allowedMentions: { parse: [], users: [], roles: [], repliedUser: false },
    });
  } else if (given.type === CHANNEL_TYPES.PUBLIC_THREAD && parent.type !== CHANNEL_TYPES.GUILD_FORUM) {
    postMessage(core, parent, {
      authorId: given.creatorId,
      type: MESSAGE_TYPES.THREAD_CREATED,
      content: given.name,
      reference: { type: 0, messageId: thread.id, channelId: thread.id, guildId },
      allowedMentions: { parse: [], users: [], roles: [], repliedUser: false },
    });
  }
  return thread;
}

export interface ThreadChange {
  readonly name?: string;
  readonly archived?: boolean;
  readonly locked?: boolean;
  readonly autoArchiveMinutes?: number;
  readonly invitable?: boolean;
  readonly appliedTags?: readonly string[];
}

export function updateThread(core: Core, channel: Channel, change: ThreadChange, actorId: string): void {
  const { thread } = channel;
  if (thread === undefined) throw new Error(`${channel.id} is no thread`);
  if (change.name !== undefined) channel.name = change.name;
  if (change.archived !== undefined && change.archived !== thread.archived) {
    thread.archived = change.archived;
    thread.archiveChangedAt = core.nowMs();
  }
  if (change.locked !== undefined) thread.locked = change.locked;
  if (change.autoArchiveMinutes !== undefined) thread.autoArchiveMinutes = change.autoArchiveMinutes;
  if (change.invitable !== undefined) thread.invitable = change.invitable;
  if (change.appliedTags !== undefined) thread.appliedTags = [...change.appliedTags];
  core.log.append({
    kind: "thread_update",
    ...(channel.guildId === undefined ? {} : { guild: channel.guildId }),
    channel: channel.id,
    by: core.user(actorId).isBot ? "app" : "person",
    actor: actorId,
    detail: { ...change },
  });
  tellThread(core, channel, "THREAD_UPDATE", (viewerId) => channelWire(core, channel, viewerId));
}

/** Adds somebody; a bot that comes into a private thread hears of its existence first. */
export function addThreadMember(core: Core, channel: Channel, userId: string): void {
  const { thread, guildId = "" } = channel;
  if (thread === undefined || thread.members.has(userId)) return;
  thread.members.set(userId, core.nowMs());
  const guild = core.guild(guildId);
  const member = guild.members.get(userId);
  const applicationId = core.user(userId).applicationId;
  if (applicationId !== undefined && channel.type === CHANNEL_TYPES.PRIVATE_THREAD) {
    core.events.toApplication(applicationId, guildId, {
      type: "THREAD_CREATE",
      intents: INTENTS.GUILDS,
      data: () => channelWire(core, channel, userId),
    });
  }
  tellMembers(core, channel, userId, {
    added_members: [
      {
        ...threadMemberWire(channel, userId),
        ...(member === undefined ? {} : { member: fullMemberWire(core, guild, member), presence: null }),
      },
    ],
  });
}

export function removeThreadMember(core: Core, channel: Channel, userId: string): void {
  if (channel.thread?.members.has(userId) !== true) return;
  const applicationId = core.user(userId).applicationId;
  channel.thread.members.delete(userId);
  tellMembers(core, channel, userId, { removed_member_ids: [userId] });
  // Whoever cannot see the private thread any more is told of their own removal all the same.
  if (applicationId !== undefined && !may(core.world, channel, userId, "VIEW_CHANNEL")) {
    core.events.toApplication(applicationId, channel.guildId, {
      type: "THREAD_MEMBERS_UPDATE",
      intents: INTENTS.GUILDS,
      data: () => membersWire(channel, { removed_member_ids: [userId] }),
    });
  }
}

export function deleteThread(core: Core, channel: Channel, actorId: string): void {
  tellThread(core, channel, "THREAD_DELETE", () => ({
    id: channel.id,
    guild_id: channel.guildId,
    parent_id: channel.parentId,
    type: channel.type,
  }));
  channel.deleted = true;
  core.log.append({
    kind: "thread_update",
    channel: channel.id,
    by: core.user(actorId).isBot ? "app" : "person",
    actor: actorId,
    detail: { deleted: true },
  });
}

/** Of others one hears with the members intent alone, of oneself always. */
function tellMembers(core: Core, channel: Channel, userId: string, change: Wire): void {
  core.events.inChannel(channel, { guild: 0, direct: 0 }, "THREAD_MEMBERS_UPDATE", (session) =>
    session.wants(INTENTS.GUILD_MEMBERS) || (session.botUserId === userId && session.wants(INTENTS.GUILDS))
      ? membersWire(channel, change)
      : undefined,
  );
}

function membersWire(channel: Channel, change: Wire): Wire {
  return {
    id: channel.id,
    guild_id: channel.guildId,
    member_count: Math.min(50, channel.thread?.members.size ?? 0),
    ...change,
  };
}
