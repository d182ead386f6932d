import type { Core } from "../core.ts";
import { storeFile } from "../effects/files.ts";
import {
  createChannel,
  joinChannel,
  leaveChannel,
  logChannel,
  openDirect,
  renameChannel,
  setArchived,
} from "../effects/membership.ts";
import { addMessage, changeMessage, removeMessage } from "../effects/messages.ts";
import { byUser } from "../effects/provenance.ts";
import { react, unreact } from "../effects/reactions.ts";
import type { Asked } from "../history-checker.ts";
import { unfurledBy } from "../model/markup.ts";
import type { Channel, StoredFile } from "../model/records.ts";
import { composerBlocks } from "../model/rich-text.ts";
import { userWire } from "../model/wire.ts";

/** A message as the person who wrote it knows it. */
export interface Written {
  channel: string;
  ts: string;
  threadTs?: string;
}

export interface WriteOptions {
  threadTs?: string;
  /** Also show the reply in the channel. */
  broadcast?: boolean;
  files?: { name: string; content: string; mimetype?: string }[];
  /** `/me`. */
  isMe?: boolean;
  /** Written so long ago, unless the channel holds newer messages; apps are told now. */
  ageMs?: number;
}

/** What people do in Slack. Texts are in Slack's own form: a mention is `<@U…>`, a broadcast `<!channel>`. */
export class People {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Writes a message. The person must be in the channel. */
  postAs(userId: string, channelId: string, text: string, options: WriteOptions = {}): Written {
    const channel = this.#memberOf(channelId, userId);
    if (channel.archived) throw new Error(`${channelId} is archived`);
    const root = options.threadTs === undefined ? undefined : this.#core.world.needMessage(channelId, options.threadTs);
    const files = options.files?.map((file) => this.#upload(channel, userId, file));
    const subtype =
      files !== undefined
        ? "file_share"
        : options.broadcast === true
          ? "thread_broadcast"
          : options.isMe === true
            ? "me_message"
            : undefined;
    const message = addMessage(
      this.#core,
      channel,
      {
        author: { userId },
        text,
        ...(text === "" ? {} : { blocks: composerBlocks(text) }),
        ...(files === undefined ? {} : { files }),
        ...(root === undefined ? {} : { root }),
        ...(options.broadcast === true ? { broadcast: true } : {}),
        ...(subtype === undefined ? {} : { subtype }),
        ...(options.ageMs === undefined ? {} : { ageMs: options.ageMs }),
      },
      byUser(userId),
    );
    const { unfurlAfterMs } = this.#core.options;
    if (unfurlAfterMs !== false && unfurledBy({ text }).length > 0) {
      this.#core.later(unfurlAfterMs, () => this.unfurl(channelId, message.ts));
    }
    return { channel: channelId, ts: message.ts, ...(root === undefined ? {} : { threadTs: root.ts }) };
  }

  /** Opens (or finds) the DM with the bot of the workspace and writes there. */
  directMessageAs(userId: string, text: string, options: WriteOptions & { appId?: string } = {}): Written {
    const { teamId } = this.#core.user(userId);
    const bot = this.#core.installationIn(teamId, options.appId);
    const { channel } = openDirect(this.#core, teamId, [userId, bot.botUserId]);
    return this.postAs(userId, channel.id, text, options);
  }

  editAs(userId: string, channelId: string, ts: string, text: string): void {
    const message = this.#core.world.needMessage(channelId, ts);
    if (message.author.userId !== userId) throw new Error(`${userId} did not write ${ts}`);
    const change = { text, blocks: composerBlocks(text), edited: true };
    changeMessage(this.#core, this.#core.channel(channelId), message, change, byUser(userId));
  }

  deleteAs(userId: string, channelId: string, ts: string): void {
    removeMessage(
      this.#core,
      this.#core.channel(channelId),
      this.#core.world.needMessage(channelId, ts),
      byUser(userId),
    );
  }

  /** Slack previews the links of a message: message_changed with the same text, by nobody. */
  unfurl(channelId: string, ts: string): void {
    const message = this.#core.channel(channelId).byTs.get(ts);
    if (message === undefined || message.deleted === true) return;
    const attachments = unfurledBy({ text: message.text }).map((url, index) => ({
      id: index + 1,
      from_url: url,
      original_url: url,
      service_name: new URL(url).hostname,
      title: "A page",
      fallback: "A page",
    }));
    const change = { attachments: [...(message.attachments ?? []), ...attachments], edited: false };
    changeMessage(this.#core, this.#core.channel(channelId), message, change, byUser("USLACKBOT"), "unfurl");
  }

  reactAs(userId: string, channelId: string, ts: string, name: string): void {
    const message = this.#core.world.needMessage(channelId, ts);
    if (!react(this.#core, this.#memberOf(channelId, userId), message, name, byUser(userId)))
      throw new Error("already_reacted");
  }

  unreactAs(userId: string, channelId: string, ts: string, name: string): void {
    const message = this.#core.world.needMessage(channelId, ts);
    if (!unreact(this.#core, this.#memberOf(channelId, userId), message, name, byUser(userId)))
      throw new Error("no_reaction");
  }

  /** Walks into a public channel. */
  join(userId: string, channelId: string): void {
    joinChannel(this.#core, this.#core.channel(channelId), userId, byUser(userId));
  }

  leave(userId: string, channelId: string): void {
    leaveChannel(this.#core, this.#core.channel(channelId), userId, userId);
  }

  /** Brings a person or a bot in; a bot learns it by member_joined_channel about itself. */
  invite(inviterId: string, channelId: string, userId: string): void {
    joinChannel(this.#core, this.#core.channel(channelId), userId, byUser(inviterId), inviterId);
  }

  /** Throws a person or a bot out; a bot learns it by channel_left or group_left. */
  kick(actorId: string, channelId: string, userId: string): void {
    leaveChannel(this.#core, this.#core.channel(channelId), userId, actorId);
  }

  createChannel(userId: string, name: string, options: { isPrivate?: boolean; members?: string[] } = {}): string {
    const channel = createChannel(this.#core, this.#core.user(userId).teamId, {
      name,
      kind: options.isPrivate === true ? "private" : "public",
      creatorId: userId,
      members: [userId],
    });
    for (const member of options.members ?? []) this.invite(userId, channel.id, member);
    return channel.id;
  }

  archive(userId: string, channelId: string): void {
    setArchived(this.#core, this.#core.channel(channelId), true, userId);
  }

  unarchive(userId: string, channelId: string): void {
    setArchived(this.#core, this.#core.channel(channelId), false, userId);
  }

  rename(userId: string, channelId: string, name: string): void {
    renameChannel(this.#core, this.#core.channel(channelId), name, userId);
  }

  deleteChannel(userId: string, channelId: string): void {
    const channel = this.#core.channel(channelId);
    logChannel(this.#core, channel, "deleted", byUser(userId));
    const type = channel.kind === "private" ? "group_deleted" : "channel_deleted";
    const event = { type, channel: channelId, actor_id: userId, event_ts: this.#core.eventTs() };
    if (channel.kind === "public") this.#core.events.toTeam(channel.teamId, event);
    else this.#core.events.toMembers(channel, event);
    this.#core.world.channels.delete(channelId);
  }

  /** Turns a public channel into a private one: what was readable for all is so no more. */
  makePrivate(userId: string, channelId: string): void {
    const channel = this.#core.channel(channelId);
    channel.kind = "private";
    logChannel(this.#core, channel, "converted_to_private", byUser(userId));
    const draft = { author: { userId }, text: "made this channel private", subtype: "channel_convert_to_private" };
    addMessage(this.#core, channel, draft, byUser(userId));
  }

  /** Connects a channel with another workspace, or ends that. */
  setShared(channelId: string, isShared: boolean, otherTeamId: string): void {
    const channel = this.#core.channel(channelId);
    channel.isExtShared = isShared;
    logChannel(this.#core, channel, isShared ? "shared" : "unshared", byUser("USLACKBOT"), { otherTeamId });
    const about = isShared
      ? { type: "channel_shared", connected_team_id: otherTeamId }
      : { type: "channel_unshared", previously_connected_team_id: otherTeamId, is_ext_shared: false };
    this.#core.events.toMembers(channel, { ...about, channel: channelId, event_ts: this.#core.eventTs() });
  }

  /** Changes a person: guest, deactivated, another name. */
  changeUser(
    userId: string,
    change: { name?: string; deleted?: boolean; isRestricted?: boolean; isStranger?: boolean },
  ): void {
    const user = Object.assign(this.#core.user(userId), change);
    if (change.deleted === true) for (const one of this.#core.world.channelsOf(user.teamId)) one.members.delete(userId);
    this.#core.events.toTeam(user.teamId, {
      type: "user_change",
      user: userWire(user),
      cache_ts: 0,
      event_ts: this.#core.eventTs(),
    });
  }

  /** The questions among people's messages, for the history checker: those whose text holds a token of the pattern. */
  asked(options: { pattern?: string } = {}): Asked[] {
    const pattern = new RegExp(options.pattern ?? "\\[#([\\w-]+)\\]");
    const found: Asked[] = [];
    for (const entry of this.#core.log.posts({ by: "user" })) {
      const token = pattern.exec(entry.text ?? "")?.[1];
      if (token === undefined || entry.channel === undefined || entry.ts === undefined) continue;
      const acknowledgedAt = this.#core.deliveries.acknowledgedAt(entry.channel, entry.ts);
      found.push({
        token,
        team: entry.team,
        channel: entry.channel,
        ts: entry.ts,
        ...(entry.threadTs === undefined ? {} : { threadTs: entry.threadTs }),
        ...(acknowledgedAt === undefined ? {} : { acknowledgedAt }),
      });
    }
    return found;
  }

  #memberOf(channelId: string, userId: string): Channel {
    const channel = this.#core.channel(channelId);
    if (!channel.members.has(userId)) throw new Error(`${userId} is not in ${channelId}`);
    return channel;
  }

  #upload(channel: Channel, userId: string, spec: { name: string; content: string; mimetype?: string }): StoredFile {
    const { content, ...names } = spec;
    const bytes = Buffer.from(content);
    const file = storeFile(this.#core, { teamId: channel.teamId, userId, ...names, length: bytes.length, bytes });
    file.channels.add(channel.id);
    const about = { file_id: file.id, user_id: userId, file: { id: file.id }, channel_id: channel.id };
    this.#core.events.toMembers(channel, { type: "file_shared", ...about, event_ts: this.#core.eventTs() });
    return file;
  }
}
