import { type Guild, type GuildMember, isVoice } from "./guild.ts";
import { type ComputedPermissions, computePermissions, has, PERMISSION } from "./permissions.ts";
import type { ReadPlace } from "./read-place.ts";

/** What a known member may do in a channel or thread; undefined when the member or the channel is not known. */
export function permissionsIn(
  guild: Guild,
  userId: string,
  channelId: string,
  options: { readonly nowMs: number; readonly joinedThread?: boolean },
): ComputedPermissions | undefined {
  const member = guild.member(userId);
  const thread = guild.threads.get(channelId);
  const channel = guild.channels.get(thread?.parentId ?? channelId);
  return member === undefined || channel === undefined ? undefined : judge(guild, member, { channel, thread }, options);
}

/** What a member may do in a place, both as they were read; the guild gives its owner and its roles. */
export function judge(
  guild: Guild,
  member: GuildMember,
  { channel, thread }: ReadPlace,
  options: { readonly nowMs: number; readonly joinedThread?: boolean },
): ComputedPermissions {
  return computePermissions({
    guildId: guild.id,
    ownerId: guild.ownerId,
    roles: new Map([...guild.roles].map(([id, role]) => [id, role.permissions])),
    member,
    overwrites: channel.overwrites,
    voice: isVoice(channel.type),
    ...(thread === undefined
      ? {}
      : { thread: { kind: thread.private ? "private" : "public", joined: options.joinedThread ?? false } }),
    nowMs: options.nowMs,
  });
}

/** Channels of the guild that a member can see and read now. */
export function visibleChannels(guild: Guild, userId: string, nowMs: number): ReadonlySet<string> {
  const visible = guild.talkChannels().filter((channel) => {
    const computed = permissionsIn(guild, userId, channel.id, { nowMs });
    return computed !== undefined && has(computed.permissions, PERMISSION.viewChannel);
  });
  return new Set(visible.map((channel) => channel.id));
}

/** Whether the messages of a channel or of its threads may be read by the bot; what is not known may not. */
export function mayRead(guild: Guild, userId: string, channelId: string, nowMs: number): boolean {
  // A private thread of which the bot hears is one that it is in.
  const computed = permissionsIn(guild, userId, channelId, { nowMs, joinedThread: true });
  return computed !== undefined && has(computed.permissions, PERMISSION.viewChannel | PERMISSION.readHistory);
}
