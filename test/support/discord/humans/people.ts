import type { Asked } from "../../slack/history-checker.ts";
import type { LogEntry as HistoryEntry } from "../../slack/oracle/channel-log.ts";
import type { Core } from "../core.ts";
import {
  addChannel,
  addMember,
  deleteChannel,
  removeMember,
  setAvailable,
  syncThreads,
  tellChannel,
  tellGuild,
  tellMember,
  tellRole,
} from "../effects/guilds.ts";
import { bulkDelete, deleteMessage, editMessage, postMessage, unfurlMessage } from "../effects/messages.ts";
import { addReaction, removeReaction } from "../effects/reactions.ts";
import {
  addThreadMember,
  createThread,
  deleteThread,
  removeThreadMember,
  type ThreadChange,
  updateThread,
} from "../effects/threads.ts";
import {
  CHANNEL_TYPES,
  INTENTS,
  MESSAGE_FLAGS,
  MESSAGE_TYPES,
  type PermissionName,
  permissionBits,
} from "../model/bits.ts";
import { may } from "../model/permissions.ts";
import type { Channel, MessageReference, StoredAttachment } from "../model/records.ts";
import { messageWire } from "../model/wire.ts";
import { snapshotOf, tellTyping } from "../rest/messages.ts";
import { type OverwriteSpec, overwriteOf } from "./setup.ts";

const TOKEN = /\[#([\w-]+)\]/u;

/** A file as a person uploads it; given in base64, so that other processes can. */
export interface UploadSpec {
  readonly name: string;
  readonly base64: string;
  readonly contentType?: string;
}

export interface WriteOptions {
  readonly replyTo?: string;
  /** A reply that does not ping. Default false. */
  readonly silentReply?: boolean;
  readonly files?: readonly UploadSpec[];
  /** How long ago it was said, in ms; nobody is told of it then. Default: now. */
  readonly ageMs?: number;
}

export interface Written {
  readonly channel: string;
  readonly message: string;
}

/** People who write and do things, each with their own permissions; what Discord would not let them do is an error. */
export class People {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  postAs(userId: string, channelId: string, text: string, options: WriteOptions = {}): Written {
    const channel = this.#place(userId, channelId, "SEND_MESSAGES");
    if (options.files !== undefined) this.#place(userId, channelId, "ATTACH_FILES");
    const { replyTo, silentReply, ageMs } = options;
    const reference: MessageReference | undefined =
      replyTo === undefined
        ? undefined
        : { type: 0, messageId: replyTo, channelId: channel.id, guildId: channel.guildId };
    const message = postMessage(this.#core, channel, {
      authorId: userId,
      content: text,
      attachments: (options.files ?? []).map((file) => this.#file(file)),
      ...(reference === undefined ? {} : { reference }),
      ...(silentReply === true
        ? { allowedMentions: { parse: ["users", "roles", "everyone"], users: [], roles: [], repliedUser: false } }
        : {}),
      ...(ageMs === undefined ? {} : { at: this.#core.nowMs() - ageMs }),
    });
    return { channel: channel.id, message: message.id };
  }

  /** A voice message, as phones send it. */
  postVoiceAs(userId: string, channelId: string, base64: string, seconds = 3): Written {
    const channel = this.#place(userId, channelId, "SEND_MESSAGES", "SEND_VOICE_MESSAGES");
    const file = this.#file({ name: "voice-message.ogg", base64, contentType: "audio/ogg" });
    const message = postMessage(this.#core, channel, {
      authorId: userId,
      flags: MESSAGE_FLAGS.IS_VOICE_MESSAGE,
      attachments: [{ ...file, durationSecs: seconds, waveform: Buffer.alloc(64, 128).toString("base64") }],
    });
    return { channel: channel.id, message: message.id };
  }

  /** A message of elsewhere, without its author. */
  forwardAs(userId: string, channelId: string, source: Written): Written {
    const channel = this.#place(userId, channelId, "SEND_MESSAGES");
    const original = this.#core.world.needMessage(source.channel, source.message);
    const message = postMessage(this.#core, channel, {
      authorId: userId,
      reference: {
        type: 1,
        messageId: original.id,
        channelId: original.channelId,
        guildId: this.#core.channel(source.channel).guildId,
      },
      snapshots: [snapshotOf(this.#core, original)],
    });
    return { channel: channel.id, message: message.id };
  }

  /** Opens the direct channel with an app's bot. */
  openDirect(userId: string, botUserId: string): string {
    return this.#core.directChannel(userId, botUserId).id;
  }

  editAs(userId: string, channelId: string, messageId: string, text: string): void {
    const message = this.#own(userId, channelId, messageId);
    editMessage(this.#core, this.#core.channel(channelId), message, { content: text });
  }

  deleteAs(userId: string, channelId: string, messageId: string): void {
    const channel = this.#place(userId, channelId);
    const message = this.#core.world.needMessage(channelId, messageId);
    if (message.authorId !== userId) this.#place(userId, channelId, "MANAGE_MESSAGES");
    deleteMessage(this.#core, channel, message, { id: userId, by: "person" });
  }

  bulkDeleteAs(userId: string, channelId: string, messageIds: readonly string[]): void {
    const channel = this.#place(userId, channelId, "MANAGE_MESSAGES");
    const messages = messageIds.map((id) => this.#core.world.needMessage(channelId, id));
    bulkDelete(this.#core, channel, messages, { id: userId, by: "person" });
  }

  pinAs(userId: string, channelId: string, messageId: string): void {
    const channel = this.#place(userId, channelId, "MANAGE_MESSAGES");
    const message = this.#core.world.needMessage(channelId, messageId);
    message.pinned = true;
    this.#core.events.inChannel(
      channel,
      { guild: INTENTS.GUILDS, direct: INTENTS.DIRECT_MESSAGES },
      "CHANNEL_PINS_UPDATE",
      () => ({
        channel_id: channel.id,
        ...(channel.guildId === undefined ? {} : { guild_id: channel.guildId }),
        last_pin_timestamp: new Date(this.#core.nowMs()).toISOString(),
      }),
    );
    this.#core.events.message("MESSAGE_UPDATE", channel, message);
    postMessage(this.#core, channel, {
      authorId: userId,
      type: MESSAGE_TYPES.CHANNEL_PINNED_MESSAGE,
      reference: { type: 0, messageId, channelId, guildId: channel.guildId },
      allowedMentions: { parse: [], users: [], roles: [], repliedUser: false },
    });
  }

  /** Discord itself adds the previews of links: a MESSAGE_UPDATE that is no edit. */
  unfurl(channelId: string, messageId: string): void {
    unfurlMessage(this.#core, this.#core.channel(channelId), this.#core.world.needMessage(channelId, messageId));
  }

  reactAs(userId: string, channelId: string, messageId: string, emoji: string): void {
    const channel = this.#place(userId, channelId, "READ_MESSAGE_HISTORY", "ADD_REACTIONS");
    addReaction(this.#core, channel, this.#core.world.needMessage(channelId, messageId), userId, emoji);
  }

  unreactAs(userId: string, channelId: string, messageId: string, emoji: string): void {
    const channel = this.#place(userId, channelId);
    removeReaction(this.#core, channel, this.#core.world.needMessage(channelId, messageId), userId, emoji);
  }

  typeAs(userId: string, channelId: string): void {
    tellTyping(this.#core, this.#place(userId, channelId, "SEND_MESSAGES"), userId);
  }

  // --- threads ---------------------------------------------------------------------------------------------------------

  /** A thread under a message, or beside the channel's talk; returns its id. */
  threadAs(
    userId: string,
    channelId: string,
    name: string,
    options: { messageId?: string; private?: boolean; ageMs?: number } = {},
  ): string {
    const isPrivate = options.private === true;
    const parent = this.#place(userId, channelId, isPrivate ? "CREATE_PRIVATE_THREADS" : "CREATE_PUBLIC_THREADS");
    const starter =
      options.messageId === undefined ? undefined : this.#core.world.needMessage(channelId, options.messageId);
    const thread = createThread(this.#core, parent, {
      name,
      creatorId: userId,
      type: isPrivate ? CHANNEL_TYPES.PRIVATE_THREAD : CHANNEL_TYPES.PUBLIC_THREAD,
      ...(starter === undefined ? {} : { starter }),
    });
    return thread.id;
  }

  /** A post in a forum: a thread with its first message, which has the same id. */
  forumPostAs(userId: string, forumId: string, title: string, text: string): Written {
    const forum = this.#place(userId, forumId, "SEND_MESSAGES");
    const thread = createThread(this.#core, forum, {
      name: title,
      creatorId: userId,
      type: CHANNEL_TYPES.PUBLIC_THREAD,
    });
    const message = postMessage(this.#core, thread, { authorId: userId, content: text, id: thread.id });
    return { channel: thread.id, message: message.id };
  }

  changeThreadAs(userId: string, threadId: string, change: ThreadChange): void {
    updateThread(this.#core, this.#core.channel(threadId), change, userId);
  }

  addToThread(threadId: string, userId: string): void {
    addThreadMember(this.#core, this.#core.channel(threadId), userId);
  }

  removeFromThread(threadId: string, userId: string): void {
    removeThreadMember(this.#core, this.#core.channel(threadId), userId);
  }

  deleteThreadAs(userId: string, threadId: string): void {
    deleteThread(this.#core, this.#core.channel(threadId), userId);
  }

  // --- guilds, members, channels -----------------------------------------------------------------------------------------

  join(userId: string, guildId: string): void {
    addMember(this.#core, this.#core.guild(guildId), userId);
  }

  /** Leaves, or is thrown out: Discord tells no difference. */
  leave(userId: string, guildId: string): void {
    removeMember(this.#core, this.#core.guild(guildId), userId);
  }

  giveRole(guildId: string, userId: string, roleId: string): void {
    this.#changeMember(guildId, userId, (member) => member.roles.add(roleId));
  }

  takeRole(guildId: string, userId: string, roleId: string): void {
    this.#changeMember(guildId, userId, (member) => member.roles.delete(roleId));
  }

  rename(guildId: string, userId: string, nick: string | null): void {
    this.#changeMember(guildId, userId, (member) => {
      member.nick = nick;
    });
  }

  /** Silences a member; 0 ends it. */
  timeout(guildId: string, userId: string, durationMs: number): void {
    this.#changeMember(guildId, userId, (member) => {
      member.timeoutUntil = durationMs === 0 ? null : this.#core.nowMs() + durationMs;
    });
  }

  setRolePermissions(guildId: string, roleId: string, permissions: readonly PermissionName[]): void {
    const guild = this.#core.guild(guildId);
    const role = this.#core.world.need(guild.roles, roleId);
    role.permissions = permissionBits(...permissions);
    tellRole(this.#core, guild, role, "UPDATE");
  }

  deleteRole(guildId: string, roleId: string): void {
    const guild = this.#core.guild(guildId);
    const role = this.#core.world.need(guild.roles, roleId);
    guild.roles.delete(roleId);
    for (const member of guild.members.values()) member.roles.delete(roleId);
    tellRole(this.#core, guild, role, "DELETE");
  }

  createChannelAs(userId: string, guildId: string, name: string): string {
    return addChannel(this.#core, this.#core.guild(guildId), { name, type: CHANNEL_TYPES.GUILD_TEXT }, userId).id;
  }

  renameChannel(channelId: string, name: string): void {
    const channel = this.#core.channel(channelId);
    channel.name = name;
    tellChannel(this.#core, channel, "UPDATE");
  }

  deleteChannelAs(userId: string, channelId: string): void {
    deleteChannel(this.#core, this.#core.channel(channelId), userId);
  }

  /** Sets what a role or member may do in a channel; bots that see it only now get its threads. */
  setOverwrite(channelId: string, spec: OverwriteSpec): void {
    const channel = this.#core.channel(channelId);
    const { world } = this.#core;
    const before = new Set(
      [...world.applications.values()]
        .filter(({ botUserId }) => may(world, channel, botUserId, "VIEW_CHANNEL"))
        .map(({ botUserId }) => botUserId),
    );
    channel.overwrites.set(spec.id, overwriteOf(spec));
    tellChannel(this.#core, channel, "UPDATE");
    syncThreads(this.#core, channel, (id) => !before.has(id) && may(world, channel, id, "VIEW_CHANNEL"));
  }

  removeOverwrite(channelId: string, id: string): void {
    const channel = this.#core.channel(channelId);
    channel.overwrites.delete(id);
    tellChannel(this.#core, channel, "UPDATE");
  }

  setOwner(guildId: string, userId: string): void {
    const guild = this.#core.guild(guildId);
    guild.ownerId = userId;
    tellGuild(this.#core, guild);
  }

  /** An outage of one guild begins or ends. */
  setGuildAvailable(guildId: string, available: boolean): void {
    setAvailable(this.#core, this.#core.guild(guildId), available);
  }

  /** Everything that is in a channel or thread now, oldest first, in Discord's own form: what a bot's rows are compared with. */
  history(channelId: string): unknown[] {
    return this.#core
      .channel(channelId)
      .messages.filter((message) => !message.deleted)
      .map((message) => messageWire(this.#core, message));
  }

  /** The questions among people's messages, for the history checker: those whose text holds a token. What Discord keeps can be read later, so that an answer is owed to each. */
  asked(): Asked[] {
    return this.#core.log.posts({ by: "person" }).flatMap((entry) => {
      const token = TOKEN.exec(entry.text ?? "")?.[1];
      if (token === undefined || entry.channel === undefined || entry.message === undefined) return [];
      return [{ token, ts: entry.message, acknowledgedAt: entry.at, ...this.#placeInHistory(entry.channel) }];
    });
  }

  /** Everything that was written, in the form that the history checker reads: a thread by its channel and its root. */
  written(): HistoryEntry[] {
    const kinds = ["post", "update", "delete"] as const;
    return this.#core.log.entries.flatMap((entry) => {
      const kind = kinds.find((one) => one === entry.kind);
      if (kind === undefined || entry.channel === undefined || entry.message === undefined) return [];
      const { seq, at, actor, text, message, guild = "" } = entry;
      const by = entry.by === "app" || entry.by === "webhook" ? "app" : "user";
      const told = {
        seq,
        at,
        kind,
        team: guild,
        by,
        actor,
        ts: message,
        ...this.#placeInHistory(entry.channel),
      } as const;
      return [text === undefined ? told : { ...told, text }];
    });
  }

  #placeInHistory(channelId: string): { channel: string; threadTs?: string } {
    const { thread, parentId } = this.#core.channel(channelId);
    return thread === undefined || parentId === null
      ? { channel: channelId }
      : { channel: parentId, threadTs: channelId };
  }

  #changeMember(
    guildId: string,
    userId: string,
    change: (member: { roles: Set<string>; nick: string | null; timeoutUntil: number | null }) => unknown,
  ): void {
    const guild = this.#core.guild(guildId);
    const member = this.#core.world.need(guild.members, userId);
    change(member);
    tellMember(this.#core, guild, member);
  }

  #own(userId: string, channelId: string, messageId: string): ReturnType<Core["world"]["needMessage"]> {
    const message = this.#core.world.needMessage(channelId, messageId);
    if (message.authorId !== userId) throw new Error(`${messageId} is not a message of ${userId}`);
    return message;
  }

  #place(userId: string, channelId: string, ...needed: readonly PermissionName[]): Channel {
    const channel = this.#core.channel(channelId);
    if (channel.deleted) throw new Error(`${channelId} is deleted`);
    if (!may(this.#core.world, channel, userId, "VIEW_CHANNEL", ...needed))
      throw new Error(`${userId} may not do this in ${channelId}: ${["VIEW_CHANNEL", ...needed].join(", ")}`);
    return channel;
  }

  #file({ name, base64, contentType }: UploadSpec): StoredAttachment {
    return {
      id: this.#core.world.newId(),
      filename: name,
      contentType: contentType ?? (/\.png$/iu.test(name) ? "image/png" : undefined),
      bytes: Buffer.from(base64, "base64"),
    };
  }
}
