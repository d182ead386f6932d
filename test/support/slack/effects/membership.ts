import type { Core } from "../core.ts";
import type { Channel, ChannelKind, Wire } from "../model/records.ts";
import { channelType } from "../model/wire.ts";
import { addMessage } from "./messages.ts";
import { byUser, type Provenance } from "./provenance.ts";

/** Creates a channel and tells the apps of the workspace, if it is public and not silent. */
export function createChannel(
  core: Core,
  teamId: string,
  spec: { id?: string; name: string; kind: ChannelKind; creatorId: string; members: readonly string[] },
  options: { silent?: boolean } = {},
): Channel {
  const { world } = core;
  const prefix = spec.kind === "im" ? "D" : spec.kind === "mpim" ? "G" : "C";
  const channel: Channel = {
    id: spec.id ?? world.newId(prefix),
    teamId,
    kind: spec.kind,
    name: spec.name,
    creatorId: spec.creatorId,
    createdAt: core.nowMs(),
    members: new Set(spec.members),
    archived: false,
    isExtShared: false,
    previousNames: [],
    messages: [],
    byTs: new Map(),
    lastMicros: 0,
    sessions: new Map(),
  };
  world.channels.set(channel.id, channel);
  if (spec.kind === "im" || spec.kind === "mpim") world.rememberDirect(channel);
  logChannel(core, channel, "created", byUser(spec.creatorId));
  if (spec.kind === "public" && options.silent !== true) {
    core.events.toTeam(teamId, {
      type: "channel_created",
      channel: {
        id: channel.id,
        name: channel.name,
        name_normalized: channel.name,
        created: Math.floor(channel.createdAt / 1000),
        creator: channel.creatorId,
        is_channel: true,
        is_shared: false,
        is_org_shared: false,
        context_team_id: teamId,
        is_archived: false,
        is_frozen: false,
        is_general: false,
        is_group: false,
        is_private: false,
        is_ext_shared: false,
        is_im: false,
        is_mpim: false,
        is_pending_ext_shared: false,
      },
      event_ts: core.eventTs(),
    });
  }
  return channel;
}

/** The direct channel of exactly these people; opened when they have none yet. */
export function openDirect(
  core: Core,
  teamId: string,
  userIds: readonly string[],
): { channel: Channel; isNew: boolean } {
  const known = core.world.directChannel(userIds);
  if (known !== undefined) return { channel: known, isNew: false };
  const names = userIds.map((id) => core.user(id).name);
  const channel = createChannel(core, teamId, {
    kind: userIds.length > 2 ? "mpim" : "im",
    name: userIds.length > 2 ? `mpdm-${names.join("--")}-1` : "",
    creatorId: userIds[0] ?? "",
    members: userIds,
  });
  return { channel, isNew: true };
}

/** Brings somebody in. Apps in the channel get member_joined_channel and the channel_join message; so does the bot about itself. */
export function joinChannel(
  core: Core,
  channel: Channel,
  userId: string,
  provenance: Provenance,
  inviter?: string,
): void {
  if (channel.members.has(userId)) return;
  channel.members.add(userId);
  core.log.append({
    kind: "member_join",
    team: channel.teamId,
    channel: channel.id,
    ...provenance,
    actor: userId,
    ...(inviter === undefined ? {} : { detail: { inviter } }),
  });
  const withInviter: Wire = inviter === undefined ? {} : { inviter };
  if (channel.kind === "public" || channel.kind === "private") {
    core.events.toMembers(channel, {
      type: "member_joined_channel",
      user: userId,
      channel: channel.id,
      channel_type: channel.kind === "public" ? "C" : "G",
      team: channel.teamId,
      ...withInviter,
      event_ts: core.eventTs(),
    });
  }
  const text = `<@${userId}> has joined the channel`;
  const draft = { author: { userId }, text, subtype: "channel_join", extra: withInviter };
  addMessage(core, channel, draft, { ...provenance, by: "user" });
}

/** Takes somebody out. A bot learns of its own removal by channel_left or group_left, never by member_left_channel (slackapi/bolt-js#1847). */
export function leaveChannel(core: Core, channel: Channel, userId: string, actorId: string): void {
  if (!channel.members.has(userId)) return;
  const isPrivate = channel.kind === "private";
  channel.members.delete(userId);
  core.log.append({
    kind: "member_leave",
    team: channel.teamId,
    channel: channel.id,
    by: "user",
    actor: userId,
    detail: { removedBy: actorId },
  });
  const botOf = core.world.installationsOf(channel.teamId).find((one) => one.botUserId === userId);
  if (botOf !== undefined) {
    core.events.toInstallation(botOf, {
      type: isPrivate ? "group_left" : "channel_left",
      channel: channel.id,
      actor_id: actorId,
      event_ts: core.eventTs(),
    });
  }
  core.events.toMembers(channel, {
    type: "member_left_channel",
    user: userId,
    channel: channel.id,
    channel_type: isPrivate ? "G" : "C",
    team: channel.teamId,
    event_ts: core.eventTs(),
  });
  const draft = { author: { userId }, text: `<@${userId}> has left the channel`, subtype: "channel_leave" };
  addMessage(core, channel, draft, byUser(actorId));
}

/** Archives or reopens a channel. */
export function setArchived(core: Core, channel: Channel, archived: boolean, userId: string): void {
  const noun = channel.kind === "private" ? "group" : "channel";
  const verb = archived ? "archive" : "unarchive";
  const text = archived ? "archived the channel" : "un-archived the channel";
  channel.archived = archived;
  addMessage(core, channel, { author: { userId }, text, subtype: `channel_${verb}` }, byUser(userId));
  logChannel(core, channel, `${verb}d`, byUser(userId));
  const event: Wire = {
    type: `${noun}_${verb}`,
    channel: channel.id,
    user: userId,
    is_moved: 0,
    event_ts: core.eventTs(),
  };
  if (channel.kind === "public") core.events.toTeam(channel.teamId, event);
  else core.events.toMembers(channel, event);
}

export function renameChannel(core: Core, channel: Channel, name: string, userId: string): void {
  const oldName = channel.name;
  channel.previousNames.unshift(oldName);
  channel.name = name;
  logChannel(core, channel, "renamed", byUser(userId), { oldName, name });
  const isPrivate = channel.kind === "private";
  const event: Wire = {
    type: isPrivate ? "group_rename" : "channel_rename",
    channel: {
      id: channel.id,
      name,
      name_normalized: name,
      created: Math.floor(channel.createdAt / 1000),
      is_channel: !isPrivate,
      is_mpim: false,
    },
    event_ts: core.eventTs(),
  };
  if (isPrivate) core.events.toMembers(channel, event);
  else core.events.toTeam(channel.teamId, event);
  addMessage(
    core,
    channel,
    {
      author: { userId },
      text: `has renamed the channel from "${oldName}" to "${name}"`,
      subtype: "channel_name",
      extra: { old_name: oldName, name },
    },
    byUser(userId),
  );
}

export function logChannel(
  core: Core,
  channel: Channel,
  what: string,
  provenance: Provenance,
  detail: Wire = {},
): void {
  core.log.append({
    kind: "channel",
    team: channel.teamId,
    channel: channel.id,
    ...provenance,
    detail: { what, kind: channel.kind, type: channelType(channel), ...detail },
  });
}
