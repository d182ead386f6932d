import type { Core } from "../core.ts";
import { bulkDelete, deleteMessage, editMessage, postMessage } from "../effects/messages.ts";
import { visibleTo } from "../gateway/fan-out.ts";
import { CHANNEL_TYPES, INTENTS, MESSAGE_FLAGS, MESSAGE_TYPES, PERMISSIONS } from "../model/bits.ts";
import { isWire } from "../model/markup.ts";
import { channelPermissions, may } from "../model/permissions.ts";
import type { Channel, Message, MessageReference, Wire } from "../model/records.ts";
import { compareSnowflakes, isSnowflake } from "../model/snowflake.ts";
import { iso, memberWire, messageWire } from "../model/wire.ts";
import { invalidForm, refused } from "./api-error.ts";
import { asBot, type BotCall, channelById, channelOf, type Handler, messageOf, NO_CONTENT, pageSize } from "./call.ts";
import { messageContent, nonceOf } from "./message-body.ts";

const HOUR_MS = 3_600_000;
const SNAPSHOT_FIELDS: readonly string[] = [
  "type",
  "content",
  "embeds",
  "attachments",
  "timestamp",
  "edited_timestamp",
  "flags",
  "mentions",
  "mention_roles",
  "components",
];
const FORTNIGHT_MS = 1_209_600_000;
const NEVER_WRITABLE: readonly number[] = [CHANNEL_TYPES.GUILD_CATEGORY, CHANNEL_TYPES.GUILD_FORUM];

/** What is remembered per bot to recognise a nonce, and per channel to limit late edits. */
export class MessageRoutes {
  readonly #nonces = new Map<string, { message: Message; at: number }>();
  readonly #lateEdits = new Map<string, number[]>();

  routes(): Record<string, Handler> {
    return {
      "POST /channels/:channel/messages": asBot((call) => this.#create(call)),
      "GET /channels/:channel/messages": asBot(list),
      "GET /channels/:channel/messages/:message": asBot((call) => {
        const channel = channelOf(call, "READ_MESSAGE_HISTORY");
        return seenBy(call, channel, messageOf(call, channel));
      }),
      "PATCH /channels/:channel/messages/:message": asBot((call) => this.#edit(call)),
      "DELETE /channels/:channel/messages/:message": asBot(remove),
      "POST /channels/:channel/messages/bulk-delete": asBot(removeMany),
      "POST /channels/:channel/typing": asBot(type),
    };
  }

  #create(call: BotCall): Wire {
    const { core, bot, body } = call;
    const channel = channelOf(call);
    checkWritable(call, channel);
    const said = messageContent(core.world, body, call.files);
    checkRights(call, channel, said);
    const { nonce, enforced } = nonceOf(body);
    const key = `${bot.id}|${channel.id}|${String(nonce)}`;
    if (enforced) {
      const known = this.#nonces.get(key);
      if (known !== undefined && core.nowMs() - known.at < core.options.nonceWindowMs) {
        if (known.message.deleted) throw refused(10008);
        return seenBy(call, channel, known.message);
      }
    }
    const mayEmbed = may(core.world, channel, bot.id, "EMBED_LINKS");
    const message = postMessage(core, channel, {
      ...said,
      ...(mayEmbed ? {} : { embeds: [] }),
      authorId: bot.id,
      ...referenceOf(call, channel),
      ...(nonce === undefined ? {} : { nonce }),
      requestId: call.requestId,
    });
    if (nonce !== undefined) this.#nonces.set(key, { message, at: core.nowMs() });
    return seenBy(call, channel, message);
  }

  #edit(call: BotCall): Wire {
    const { core, bot, body } = call;
    const channel = channelOf(call);
    const message = messageOf(call, channel);
    if (channel.thread?.archived === true) throw refused(50083);
    if (message.authorId !== bot.id) {
      const onlyFlags = Object.keys(body).every((key) => key === "flags");
      if (!onlyFlags || !may(core.world, channel, bot.id, "MANAGE_MESSAGES")) throw refused(50005);
    }
    if (
      message.type !== MESSAGE_TYPES.DEFAULT &&
      message.type !== MESSAGE_TYPES.REPLY &&
      message.interaction === undefined
    )
      throw refused(50021);
    const change = messageContent(core.world, body, call.files, message);
    this.#countLateEdit(core, channel, message);
    editMessage(core, channel, message, { ...change, requestId: call.requestId });
    return seenBy(call, channel, message);
  }

  #countLateEdit(core: Core, channel: Channel, message: Message): void {
    const nowMs = core.nowMs();
    if (nowMs - message.createdAt < HOUR_MS) return;
    const recent = (this.#lateEdits.get(channel.id) ?? []).filter((at) => nowMs - at < HOUR_MS);
    if (recent.length >= core.options.oldEditsPerHour) throw refused(30046);
    this.#lateEdits.set(channel.id, [...recent, nowMs]);
  }
}

/** A message as REST shows it to this bot. */
export function seenBy(call: BotCall, channel: Channel, message: Message): Wire {
  const { core, application, bot } = call;
  const mayRead = channel.guildId === undefined || application.privilegedIntents.has("MESSAGE_CONTENT");
  return visibleTo(messageWire(core, message, bot.id), bot.id, application.id, mayRead);
}

/** Throws why the bot may not write here, if it may not. */
export function checkWritable(call: BotCall, channel: Channel): void {
  const { core, bot } = call;
  if (NEVER_WRITABLE.includes(channel.type)) throw refused(50008);
  if (channel.guildId === undefined) {
    const [one = "", other = ""] = channel.recipients;
    const shared = core.world.guildsOf(one).some((guild) => guild.members.has(other));
    if (!shared) throw refused(50007);
    return;
  }
  const bits = channelPermissions(core.world, channel, bot.id);
  if ((bits & PERMISSIONS.SEND_MESSAGES) === 0n) throw refused(50013);
  if (channel.thread?.locked === true && (bits & PERMISSIONS.MANAGE_THREADS) === 0n) throw refused(160005);
}

function checkRights(
  call: BotCall,
  channel: Channel,
  said: { attachments?: readonly unknown[]; flags?: number },
): void {
  const { core, bot } = call;
  if ((said.attachments?.length ?? 0) > 0 && !may(core.world, channel, bot.id, "ATTACH_FILES")) throw refused(50013);
  const isVoice = ((said.flags ?? 0) & MESSAGE_FLAGS.IS_VOICE_MESSAGE) !== 0;
  if (isVoice && !may(core.world, channel, bot.id, "SEND_VOICE_MESSAGES")) throw refused(50013);
  if (((said.flags ?? 0) & MESSAGE_FLAGS.EPHEMERAL) !== 0)
    throw invalidForm(["flags", "NUMBER_TYPE_COERCE", "EPHEMERAL is for answers to interactions."]);
}

/** A reply or a forward; an unknown message is refused unless `fail_if_not_exists` is false. */
function referenceOf(call: BotCall, channel: Channel): { reference?: MessageReference; snapshots?: readonly Wire[] } {
  const { core, bot } = call;
  const given = call.body["message_reference"];
  if (!isWire(given)) return {};
  const { message_id: messageId, channel_id: channelId, type: kind = 0, fail_if_not_exists: strict } = given;
  const elsewhere = typeof channelId === "string" && channelId !== channel.id;
  if (kind === 1) {
    const source = channelById(call, String(channelId), "READ_MESSAGE_HISTORY");
    const original = source.byId.get(String(messageId));
    if (original === undefined || original.deleted) throw refused(10008);
    const reference = { type: 1, messageId: original.id, channelId: source.id, guildId: source.guildId } as const;
    return { reference, snapshots: [snapshotOf(core, original)] };
  }
  if (elsewhere)
    throw invalidForm([
      "message_reference",
      "REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL",
      "Cannot reply to a message in a different channel",
    ]);
  if (!may(core.world, channel, bot.id, "READ_MESSAGE_HISTORY")) throw refused(160002);
  const original = channel.byId.get(String(messageId));
  if (original === undefined || original.deleted) {
    if (strict === false) return {};
    throw invalidForm(["message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message"]);
  }
  return { reference: { type: 0, messageId: original.id, channelId: channel.id, guildId: channel.guildId } };
}

/** What a forward carries: the words without their author. */
export function snapshotOf(core: Core, message: Message): Wire {
  const wire = messageWire(core, message);
  return { message: Object.fromEntries(SNAPSHOT_FIELDS.map((name) => [name, wire[name]])) };
}

/** Newest first, whichever way the page was asked for. */
function list(call: BotCall): Wire[] {
  const channel = channelOf(call);
  const limit = pageSize(call, 50, 100);
  // Without the history a bot sees nothing, and is not told why.
  if (!may(call.core.world, channel, call.bot.id, "READ_MESSAGE_HISTORY")) return [];
  const there = channel.messages.filter((message) => !message.deleted);
  return pageOf(call, there, limit).map((message) => seenBy(call, channel, message));
}

function pageOf(call: BotCall, there: readonly Message[], limit: number): Message[] {
  const [before, after, around] = ["before", "after", "around"].map((name) => {
    const id = call.query.get(name);
    // Any number will do: 0 means from the beginning.
    if (id !== null && !isSnowflake(id.padStart(15, "0")))
      throw invalidForm([name, "NUMBER_TYPE_COERCE", `Value "${id}" is not snowflake.`]);
    return id ?? undefined;
  });
  if (around !== undefined) {
    const half = Math.floor(limit / 2);
    const older = there.filter((one) => compareSnowflakes(one.id, around) < 0).slice(-half);
    const newer = there.filter((one) => compareSnowflakes(one.id, around) >= 0).slice(0, limit - older.length);
    return [...older, ...newer].toReversed();
  }
  if (before !== undefined)
    return there
      .filter((one) => compareSnowflakes(one.id, before) < 0)
      .slice(-limit)
      .toReversed();
  if (after !== undefined)
    return there
      .filter((one) => compareSnowflakes(one.id, after) > 0)
      .slice(0, limit)
      .toReversed();
  return there.slice(-limit).toReversed();
}

function remove(call: BotCall): unknown {
  const { core, bot } = call;
  const channel = channelOf(call);
  const message = messageOf(call, channel);
  if (message.authorId !== bot.id && !may(core.world, channel, bot.id, "MANAGE_MESSAGES")) throw refused(50013);
  if (channel.thread?.archived === true) throw refused(50083);
  deleteMessage(core, channel, message, { id: bot.id, by: "app" });
  return NO_CONTENT;
}

function removeMany(call: BotCall): unknown {
  const channel = channelOf(call, "MANAGE_MESSAGES");
  const given = call.body["messages"];
  if (!Array.isArray(given) || given.length < 2 || given.length > 100)
    throw invalidForm(["messages", "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length."]);
  const found = given.flatMap((id) => channel.byId.get(String(id)) ?? []).filter((message) => !message.deleted);
  if (found.some((message) => call.core.nowMs() - message.createdAt > FORTNIGHT_MS)) throw refused(50034);
  bulkDelete(call.core, channel, found, { id: call.bot.id, by: "app" });
  return NO_CONTENT;
}

function type(call: BotCall): unknown {
  const { core, bot } = call;
  const channel = channelOf(call);
  checkWritable(call, channel);
  core.log.append({
    kind: "typing",
    ...(channel.guildId === undefined ? {} : { guild: channel.guildId }),
    channel: channel.id,
    by: "app",
    actor: bot.id,
    applicationId: call.application.id,
  });
  tellTyping(core, channel, bot.id);
  return NO_CONTENT;
}

export function tellTyping(core: Core, channel: Channel, userId: string): void {
  const { guildId } = channel;
  const member = core.world.member(guildId, userId);
  const intents = { guild: INTENTS.GUILD_MESSAGE_TYPING, direct: INTENTS.DIRECT_MESSAGE_TYPING };
  core.events.inChannel(channel, intents, "TYPING_START", () => ({
    channel_id: channel.id,
    user_id: userId,
    timestamp: Math.floor(core.nowMs() / 1000),
    started_at: iso(core.nowMs()),
    ...(guildId === undefined ? {} : { guild_id: guildId }),
    ...(guildId === undefined || member === undefined ? {} : { member: memberWire(core.guild(guildId), member) }),
  }));
}
