import { postMessage } from "../effects/messages.ts";
import { addThreadMember, createThread, removeThreadMember } from "../effects/threads.ts";
import { CHANNEL_TYPES } from "../model/bits.ts";
import { isWire } from "../model/markup.ts";
import { may } from "../model/permissions.ts";
import type { Channel, Wire } from "../model/records.ts";
import { channelWire, fullMemberWire, threadMemberWire } from "../model/wire.ts";
import { invalidForm, missing, refused } from "./api-error.ts";
import {
  Answer,
  asBot,
  type BotCall,
  channelOf,
  guildOf,
  type Handler,
  idParam,
  messageOf,
  NO_CONTENT,
  pageSize,
  textField,
} from "./call.ts";
import { archiveMinutes } from "./channels.ts";
import { messageContent } from "./message-body.ts";
import { seenBy } from "./messages.ts";

const MAX_NAME_CHARS = 100;

export const threadRoutes: Readonly<Record<string, Handler>> = {
  "POST /channels/:channel/messages/:message/threads": asBot((call) => {
    const channel = channelOf(call, "CREATE_PUBLIC_THREADS");
    if (channel.thread !== undefined || channel.guildId === undefined) throw refused(50024);
    const starter = messageOf(call, channel);
    if (starter.threadId !== undefined) throw refused(160004);
    const thread = createThread(call.core, channel, {
      ...threadBody(call),
      type: CHANNEL_TYPES.PUBLIC_THREAD,
      starter,
    });
    return created(channelWire(call.core, thread, call.bot.id));
  }),
  "POST /channels/:channel/threads": asBot((call) => {
    const channel = channelOf(call);
    if (channel.thread !== undefined || channel.guildId === undefined) throw refused(50024);
    return created(channel.type === CHANNEL_TYPES.GUILD_FORUM ? forumPost(call, channel) : threadBeside(call, channel));
  }),
  "GET /channels/:channel/thread-members": asBot((call) => {
    const channel = threadOf(call);
    return [...(channel.thread?.members.keys() ?? [])].map((id) => memberWire(call, channel, id));
  }),
  "GET /channels/:channel/thread-members/:user": asBot((call) => {
    const channel = threadOf(call);
    const id = userParam(call);
    if (channel.thread?.members.has(id) !== true) throw refused(10007);
    return memberWire(call, channel, id);
  }),
  "PUT /channels/:channel/thread-members/:user": asBot((call) => {
    const channel = threadOf(call);
    const id = userParam(call);
    if (channel.thread?.archived === true) throw refused(50083);
    if (id !== call.bot.id && !may(call.core.world, channel, call.bot.id, "SEND_MESSAGES")) throw refused(50013);
    if (call.core.world.member(channel.guildId, id) === undefined) throw refused(10013);
    addThreadMember(call.core, channel, id);
    return NO_CONTENT;
  }),
  "DELETE /channels/:channel/thread-members/:user": asBot((call) => {
    const channel = threadOf(call);
    const id = userParam(call);
    if (channel.thread?.archived === true) throw refused(50083);
    const mayRemove = id === call.bot.id || may(call.core.world, channel, call.bot.id, "MANAGE_THREADS");
    if (!mayRemove && !(channel.type === CHANNEL_TYPES.PRIVATE_THREAD && channel.thread?.ownerId === call.bot.id))
      throw refused(50013);
    removeThreadMember(call.core, channel, id);
    return NO_CONTENT;
  }),
  "GET /guilds/:guild/threads/active": asBot((call) => {
    const guild = guildOf(call);
    return threadList(
      call,
      call.core.world
        .activeThreads(guild.id)
        .filter((thread) => may(call.core.world, thread, call.bot.id, "VIEW_CHANNEL")),
    );
  }),
  "GET /channels/:channel/threads/archived/public": asBot((call) => archived(call, CHANNEL_TYPES.PUBLIC_THREAD)),
  "GET /channels/:channel/threads/archived/private": asBot((call) => {
    channelOf(call, "MANAGE_THREADS");
    return archived(call, CHANNEL_TYPES.PRIVATE_THREAD);
  }),
  "GET /channels/:channel/users/@me/threads/archived/private": asBot((call) =>
    archived(call, CHANNEL_TYPES.PRIVATE_THREAD, (thread) => thread.thread?.members.has(call.bot.id) === true),
  ),
};

function created(body: Wire): Answer {
  return new Answer(201, body);
}

function threadBeside(call: BotCall, channel: Channel): Wire {
  const { type = CHANNEL_TYPES.PRIVATE_THREAD, invitable } = call.body;
  const isPrivate = type === CHANNEL_TYPES.PRIVATE_THREAD;
  channelOf(call, isPrivate ? "CREATE_PRIVATE_THREADS" : "CREATE_PUBLIC_THREADS");
  const thread = createThread(call.core, channel, {
    ...threadBody(call),
    type: isPrivate ? CHANNEL_TYPES.PRIVATE_THREAD : CHANNEL_TYPES.PUBLIC_THREAD,
    ...(typeof invitable === "boolean" ? { invitable } : {}),
  });
  return channelWire(call.core, thread, call.bot.id);
}

function forumPost(call: BotCall, forum: Channel): Wire {
  channelOf(call, "SEND_MESSAGES");
  const { message: given, applied_tags: tags } = call.body;
  if (!isWire(given)) throw missing("message");
  const said = messageContent(call.core.world, given, call.files);
  const thread = createThread(call.core, forum, {
    ...threadBody(call),
    type: CHANNEL_TYPES.PUBLIC_THREAD,
    ...(Array.isArray(tags) ? { appliedTags: tags.map(String) } : {}),
  });
  const message = postMessage(call.core, thread, {
    ...said,
    authorId: call.bot.id,
    id: thread.id,
    requestId: call.requestId,
  });
  return { ...channelWire(call.core, thread, call.bot.id), message: seenBy(call, thread, message) };
}

function threadBody(call: BotCall): { name: string; creatorId: string; autoArchiveMinutes?: number } {
  const name = textField(call.body, "name");
  if (name === undefined) throw missing("name");
  if (name.length < 1 || name.length > MAX_NAME_CHARS)
    throw invalidForm(["name", "BASE_TYPE_BAD_LENGTH", `Must be between 1 and ${MAX_NAME_CHARS} in length.`]);
  const minutes = archiveMinutes(call.body);
  return { name, creatorId: call.bot.id, ...(minutes === undefined ? {} : { autoArchiveMinutes: minutes }) };
}

function archived(call: BotCall, type: number, also: (thread: Channel) => boolean = () => true): Wire {
  const channel = channelOf(call, "READ_MESSAGE_HISTORY");
  const before = call.query.get("before");
  const limit = pageSize(call, 50, 100);
  const all = call.core.world
    .channelsOf(channel.guildId ?? "")
    .filter((one) => one.parentId === channel.id && one.type === type && one.thread?.archived === true && also(one))
    .filter((one) => before === null || (one.thread?.archiveChangedAt ?? 0) < Date.parse(before))
    .toSorted((one, other) => (other.thread?.archiveChangedAt ?? 0) - (one.thread?.archiveChangedAt ?? 0));
  return { ...threadList(call, all.slice(0, limit)), has_more: all.length > limit };
}

function threadList(call: BotCall, threads: readonly Channel[]): Wire {
  return {
    threads: threads.map((thread) => channelWire(call.core, thread, call.bot.id)),
    members: threads
      .filter((thread) => thread.thread?.members.has(call.bot.id) === true)
      .map((thread) => threadMemberWire(thread, call.bot.id)),
  };
}

function threadOf(call: BotCall): Channel {
  const channel = channelOf(call);
  if (channel.thread === undefined) throw refused(50024);
  return channel;
}

function userParam(call: BotCall): string {
  return call.params["user"] === "@me" ? call.bot.id : idParam(call, "user");
}

function memberWire(call: BotCall, channel: Channel, userId: string): Wire {
  const guild = call.core.guild(channel.guildId ?? "");
  const member = guild.members.get(userId);
  const withMember = call.query.get("with_member") === "true" && member !== undefined;
  return {
    ...threadMemberWire(channel, userId),
    ...(withMember ? { member: fullMemberWire(call.core, guild, member) } : {}),
  };
}
