import { ALL_PERMISSIONS, CHANNEL_TYPES, PERMISSIONS, type PermissionName, permissionBits } from "./bits.ts";
import type { Channel, Guild, Member } from "./records.ts";
import type { World } from "./world.ts";

/** What a timeout leaves to a member. */
const IN_TIMEOUT = permissionBits("VIEW_CHANNEL", "READ_MESSAGE_HISTORY");
/** What nobody has who may not write. */
const NEEDS_SENDING = permissionBits("MENTION_EVERYONE", "SEND_TTS_MESSAGES", "ATTACH_FILES", "EMBED_LINKS");

const VOICES: readonly number[] = [CHANNEL_TYPES.GUILD_VOICE, CHANNEL_TYPES.GUILD_STAGE_VOICE];

/** What a member may do in the whole guild, before any channel has its say. */
export function guildPermissions(guild: Guild, member: Member): bigint {
  if (guild.ownerId === member.userId) return ALL_PERMISSIONS;
  let bits = guild.roles.get(guild.id)?.permissions ?? 0n;
  for (const roleId of member.roles) bits |= guild.roles.get(roleId)?.permissions ?? 0n;
  if ((bits & PERMISSIONS.ADMINISTRATOR) !== 0n) return ALL_PERMISSIONS;
  return isTimedOut(member) ? bits & IN_TIMEOUT : bits;
}

/** What a user may do in a channel or thread, as Discord judges it; 0 for strangers. */
export function channelPermissions(world: World, channel: Channel, userId: string): bigint {
  if (channel.guildId === undefined) return channel.recipients.includes(userId) ? ALL_PERMISSIONS : 0n;
  const guild = world.guilds.get(channel.guildId);
  const member = guild?.members.get(userId);
  if (guild === undefined || member === undefined) return 0n;
  const base = guildPermissions(guild, member);
  if (base === ALL_PERMISSIONS) return base;
  const place = channel.thread === undefined ? channel : world.channels.get(channel.parentId ?? "");
  if (place === undefined) return 0n;
  let bits = overwritten(base, place, guild, member);
  // Without CONNECT a voice channel is as good as out of sight (topics/permissions, implicit permissions).
  if (VOICES.includes(place.type) && (bits & PERMISSIONS.CONNECT) === 0n && !isTimedOut(member)) return 0n;
  if (isTimedOut(member)) bits &= IN_TIMEOUT;
  if ((bits & PERMISSIONS.VIEW_CHANNEL) === 0n) return 0n;
  if (channel.thread === undefined) return withoutSending(bits, PERMISSIONS.SEND_MESSAGES);
  const isHidden = channel.type === CHANNEL_TYPES.PRIVATE_THREAD && !channel.thread.members.has(userId);
  if (isHidden && (bits & PERMISSIONS.MANAGE_THREADS) === 0n) return 0n;
  // In a thread the one permission stands for the other.
  const speaks = (bits & PERMISSIONS.SEND_MESSAGES_IN_THREADS) !== 0n;
  return withoutSending(
    speaks ? bits | PERMISSIONS.SEND_MESSAGES : bits & ~PERMISSIONS.SEND_MESSAGES,
    PERMISSIONS.SEND_MESSAGES,
  );
}

export function may(world: World, channel: Channel, userId: string, ...names: readonly PermissionName[]): boolean {
  const wanted = permissionBits(...names);
  return (channelPermissions(world, channel, userId) & wanted) === wanted;
}

export function isTimedOut(member: Member): boolean {
  return member.timeoutUntil !== null && member.timeoutUntil > Date.now();
}

function overwritten(base: bigint, channel: Channel, guild: Guild, member: Member): bigint {
  let bits = base;
  const everyone = channel.overwrites.get(guild.id);
  if (everyone !== undefined) bits = (bits & ~everyone.deny) | everyone.allow;
  let [allow, deny] = [0n, 0n];
  for (const roleId of member.roles) {
    const ofRole = channel.overwrites.get(roleId);
    allow |= ofRole?.allow ?? 0n;
    deny |= ofRole?.deny ?? 0n;
  }
  bits = (bits & ~deny) | allow;
  const own = channel.overwrites.get(member.userId);
  return own === undefined ? bits : (bits & ~own.deny) | own.allow;
}

function withoutSending(bits: bigint, sending: bigint): bigint {
  return (bits & sending) === 0n ? bits & ~NEEDS_SENDING : bits;
}
