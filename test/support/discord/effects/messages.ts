import type { Core } from "../core.ts";
import { INTENTS, MESSAGE_FLAGS, MESSAGE_TYPES } from "../model/bits.ts";
import { type AllowedMentions, linksIn, mediaIn, textOfComponents } from "../model/markup.ts";
import { may } from "../model/permissions.ts";
import type { Channel, Message, MessageReference, StoredAttachment, Wire } from "../model/records.ts";
import type { LogEntry } from "../oracle/guild-log.ts";
import { mentionsOf, notifiedBy } from "./mentions.ts";
import { unarchiveByMessage } from "./unarchive.ts";

/** What a message says, after validation. */
export interface MessageContent {
  readonly content?: string;
  readonly embeds?: readonly Wire[];
  readonly components?: readonly Wire[];
  readonly attachments?: readonly StoredAttachment[];
  readonly flags?: number;
  readonly allowedMentions?: AllowedMentions;
}

export interface NewMessage extends MessageContent {
  readonly authorId: string;
  readonly type?: number;
  readonly webhook?: Message["webhook"];
  readonly applicationId?: string;
  readonly reference?: MessageReference;
  readonly snapshots?: readonly Wire[];
  readonly nonce?: string | number;
  readonly interaction?: Message["interaction"];
  /** Wall ms; default now. An earlier time puts the message into the past, and nobody is told of it. */
  readonly at?: number;
  readonly id?: string;
  readonly requestId?: number;
}

/** Builds a message and says nothing to anybody: what ephemeral answers are. */
export function buildMessage(core: Core, channel: Channel, given: NewMessage): Message {
  const repliedTo =
    given.reference?.type === 0
      ? core.world.channels.get(given.reference.channelId)?.byId.get(given.reference.messageId)
      : undefined;
  const { content = "", components = [], at = core.nowMs() } = given;
  return {
    id: given.id ?? core.world.newId(at),
    channelId: channel.id,
    type: given.type ?? (given.reference?.type === 0 ? MESSAGE_TYPES.REPLY : MESSAGE_TYPES.DEFAULT),
    authorId: given.authorId,
    ...(given.webhook === undefined ? {} : { webhook: given.webhook }),
    ...(given.applicationId === undefined ? {} : { applicationId: given.applicationId }),
    content,
    embeds: [...(given.embeds ?? [])],
    attachments: [...(given.attachments ?? [])],
    components: [...components],
    flags: (given.flags ?? 0) | (given.snapshots === undefined ? 0 : MESSAGE_FLAGS.HAS_SNAPSHOT),
    mentions: mentionsOf(core, channel, {
      content,
      components,
      authorId: given.authorId,
      isWebhook: given.webhook !== undefined,
      allowed: given.allowedMentions,
      repliedToId: repliedTo?.webhook === undefined ? repliedTo?.authorId : undefined,
    }),
    editedAt: null,
    pinned: false,
    createdAt: at,
    ...(given.reference === undefined ? {} : { reference: given.reference }),
    ...(given.snapshots === undefined ? {} : { snapshots: given.snapshots }),
    ...(given.nonce === undefined ? {} : { nonce: given.nonce }),
    reactions: new Map(),
    ...(given.interaction === undefined ? {} : { interaction: given.interaction }),
    deleted: false,
  };
}

/** Writes a message: state, log, events, and the previews of its links. */
export function postMessage(core: Core, channel: Channel, given: NewMessage): Message {
  const message = buildMessage(core, channel, given);
  core.world.addMessage(channel, message);
  if (channel.thread !== undefined && given.at === undefined) unarchiveByMessage(core, channel);
  const unfurled = fetchedFor(core, channel, message);
  core.log.append({
    kind: "post",
    ...about(core, channel, message),
    notified: notifiedBy(message.mentions),
    unfurled,
    ...(message.nonce === undefined ? {} : { nonce: message.nonce }),
    ...(given.requestId === undefined ? {} : { requestId: given.requestId }),
    detail: { type: message.type, flags: message.flags },
  });
  if (given.at === undefined) core.events.message("MESSAGE_CREATE", channel, message);
  const { unfurlAfterMs } = core.options;
  if (unfurlAfterMs !== false && linksIn(message.content).length > 0 && unfurled.length > 0)
    core.later(unfurlAfterMs, () => unfurlMessage(core, channel, message));
  return message;
}

/** Replaces what is given and leaves the rest. */
export function editMessage(
  core: Core,
  channel: Channel,
  message: Message,
  change: MessageContent & { readonly requestId?: number; readonly silent?: boolean },
): void {
  if (change.content !== undefined) message.content = change.content;
  if (change.embeds !== undefined) message.embeds = [...change.embeds];
  if (change.components !== undefined) message.components = [...change.components];
  if (change.attachments !== undefined) message.attachments = [...change.attachments];
  if (change.flags !== undefined) message.flags = change.flags;
  const { reference } = message;
  const repliedTo =
    reference?.type === 0 ? core.world.channels.get(reference.channelId)?.byId.get(reference.messageId) : undefined;
  message.mentions = mentionsOf(core, channel, {
    content: message.content,
    components: message.components,
    authorId: message.authorId,
    isWebhook: message.webhook !== undefined,
    allowed: change.allowedMentions,
    repliedToId: repliedTo?.webhook === undefined ? repliedTo?.authorId : undefined,
  });
  // An answer that was deferred is not yet a message that could be edited.
  if (change.silent !== true) message.editedAt = core.nowMs();
  core.log.append({
    kind: "update",
    ...about(core, channel, message),
    notified: notifiedBy(message.mentions),
    unfurled: fetchedFor(core, channel, message),
    ...(change.requestId === undefined ? {} : { requestId: change.requestId }),
    detail: { flags: message.flags },
  });
  core.events.message("MESSAGE_UPDATE", channel, message);
}

export function deleteMessage(
  core: Core,
  channel: Channel,
  message: Message,
  actor: { id: string; by: LogEntry["by"] },
): void {
  message.deleted = true;
  core.log.append({ kind: "delete", ...about(core, channel, message), actor: actor.id, by: actor.by });
  tellGone(core, channel, "MESSAGE_DELETE", { id: message.id });
}

export function bulkDelete(
  core: Core,
  channel: Channel,
  messages: readonly Message[],
  actor: { id: string; by: LogEntry["by"] },
): void {
  for (const message of messages) {
    message.deleted = true;
    core.log.append({ kind: "delete", ...about(core, channel, message), actor: actor.id, by: actor.by });
  }
  tellGone(core, channel, "MESSAGE_DELETE_BULK", { ids: messages.map((message) => message.id) });
}

/** Adds the previews of links: a MESSAGE_UPDATE that is no edit. */
export function unfurlMessage(core: Core, channel: Channel, message: Message): void {
  const links = linksIn(message.content);
  if (message.deleted || (message.flags & MESSAGE_FLAGS.SUPPRESS_EMBEDS) !== 0) return;
  message.embeds = links.map((url) => ({ type: "link", url, title: url, description: "A page." }));
  core.log.append({ kind: "unfurl", ...about(core, channel, message), by: "system", unfurled: links });
  core.events.message("MESSAGE_UPDATE", channel, message);
}

/** Everything that people read in a message, in order. */
export function readableText(message: Message): string {
  const embeds = message.embeds.flatMap((embed) =>
    ["title", "description"].flatMap((key) => (typeof embed[key] === "string" ? [embed[key]] : [])),
  );
  const isPreview = (message.flags & MESSAGE_FLAGS.SUPPRESS_EMBEDS) !== 0;
  return [message.content, ...(isPreview ? [] : embeds), ...textOfComponents(message.components)]
    .filter((text) => text !== "")
    .join("\n");
}

/** The fields of every log entry about a message. */
export function about(
  core: Core,
  channel: Channel,
  message: Message,
): Pick<LogEntry, "guild" | "channel" | "message" | "text" | "by" | "actor" | "applicationId" | "name"> {
  const isApp = core.world.users.get(message.authorId)?.isBot === true;
  return {
    ...(channel.guildId === undefined ? {} : { guild: channel.guildId }),
    channel: channel.id,
    message: message.id,
    text: readableText(message),
    by: message.webhook !== undefined ? "webhook" : isApp ? "app" : "person",
    actor: message.authorId,
    ...(message.applicationId === undefined ? {} : { applicationId: message.applicationId }),
    ...(message.webhook === undefined ? {} : { name: message.webhook.name }),
  };
}

/** Addresses that Discord fetches for a message: previews where they are allowed, and media outside of it in any case. */
function fetchedFor(core: Core, channel: Channel, message: Message): string[] {
  const isV2 = (message.flags & MESSAGE_FLAGS.IS_COMPONENTS_V2) !== 0;
  const suppressed = (message.flags & MESSAGE_FLAGS.SUPPRESS_EMBEDS) !== 0;
  const embeds = message.webhook !== undefined || may(core.world, channel, message.authorId, "EMBED_LINKS");
  const links = isV2 || suppressed || !embeds ? [] : linksIn(message.content);
  return [...new Set([...links, ...mediaIn([...message.components, ...(suppressed ? [] : message.embeds)])])];
}

function tellGone(core: Core, channel: Channel, type: string, what: Wire): void {
  const data = {
    ...what,
    channel_id: channel.id,
    ...(channel.guildId === undefined ? {} : { guild_id: channel.guildId }),
  };
  core.events.inChannel(channel, { guild: INTENTS.GUILD_MESSAGES, direct: INTENTS.DIRECT_MESSAGES }, type, () => data);
}
