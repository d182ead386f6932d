import { ContentBuilder, type ParsedContent } from "../shared/content-builder.ts";
import { type InboundContext, ignored, malformed, type Place, type Translation, taken } from "./inbound-context.ts";
import { envelopeBase, messageSender, orderNow, placeOf, senderOfId } from "./inbound-envelope.ts";
import { readMarkdown } from "./inbound-markdown.ts";
import { mediaIdOf } from "./media-id.ts";
import { asId, asIds, asList, asNumber, asRecord, asString, type Raw } from "./raw.ts";
import { isNewer, msToSnowflake, snowflakeToMs } from "./snowflakes.ts";

/** Default, reply, and the visible answers to commands; all others are announcements of Discord itself. */
const WORDS = new Set<unknown>([undefined, 0, 19, 20, 23]);
const VOICE_MESSAGE = 1 << 13;
const FORWARD = 1;
const MAX_EDIT_SKEW_MS = 60_000;

/** Translates MESSAGE_CREATE, and messages as history reads give them. https://docs.discord.com/developers/resources/message */
export function translateMessage(message: Raw, context: InboundContext, direct: boolean): Translation {
  const read = readHead(message, context, direct);
  if ("outcome" in read) return read;
  const { messageId, channelId, place, sender } = read;
  const { content, mentions } = readContent(message, context);
  if (!isHeard(context, direct, sender.self, mentions))
    return ignored("names nobody here, and other messages are not given without MESSAGE_CONTENT");
  const replyTo = replyOf(message);
  return taken({
    ...envelopeBase(context, place, sender, messageId, ["message", channelId, messageId]),
    kind: "message_created",
    revision: 0,
    body: { messageId, content, mentions, ...(replyTo === undefined ? {} : { replyToMessageId: replyTo }) },
  });
}

/** Translates MESSAGE_UPDATE, which is an edit only when the time of the last edit is new: embeds and pins change it too. */
export function translateEdit(message: Raw, context: InboundContext, direct: boolean): Translation {
  const editedAt = asString(message["edited_timestamp"]);
  if (editedAt === undefined) return ignored("change without new text");
  const editedMs = Date.parse(editedAt);
  if (Number.isNaN(editedMs)) return malformed("edit without a readable time");
  if (typeof message["content"] !== "string") return ignored("change without new text");
  const read = readHead(message, context, direct);
  if ("outcome" in read) return read;
  const { messageId, channelId, place, sender } = read;
  // A time before the message or far ahead of us would put the edit at a wrong place.
  const atMs = Math.min(Math.max(editedMs, snowflakeToMs(messageId) + 1), context.nowMs() + MAX_EDIT_SKEW_MS);
  const { content, mentions } = readContent(message, context);
  if (!isHeard(context, direct, sender.self, mentions)) return ignored("change of a message that names nobody here");
  const replyTo = replyOf(message);
  return taken({
    ...envelopeBase(context, place, sender, msToSnowflake(atMs), ["edit", channelId, messageId, String(editedMs)]),
    kind: "message_edited",
    revision: Math.max(1, editedMs),
    body: { messageId, content, mentions, ...(replyTo === undefined ? {} : { replyToMessageId: replyTo }) },
  });
}

/** Translates MESSAGE_DELETE and MESSAGE_DELETE_BULK, which do not say who did it. */
export function translateDeletions(event: Raw, context: InboundContext, direct: boolean): readonly Translation[] {
  const channelId = asId(event["channel_id"]);
  const single = asId(event["id"]);
  const ids = single === undefined ? asIds(event["ids"]) : [single];
  if (channelId === undefined || ids.length === 0) return [malformed("deletion without channel or message")];
  const place = placeOf(context, channelId, direct);
  return ids.map((messageId) =>
    taken({
      ...envelopeBase(context, place, { id: "unknown", kind: "human", self: false }, orderNow(context, messageId), [
        "delete",
        channelId,
        messageId,
      ]),
      kind: "message_deleted",
      body: { messageId },
    }),
  );
}

/** Translates MESSAGE_REACTION_ADD and MESSAGE_REACTION_REMOVE. */
export function translateReaction(
  kind: "reaction_added" | "reaction_removed",
  event: Raw,
  context: InboundContext,
  direct: boolean,
): Translation {
  const channelId = asId(event["channel_id"]);
  const messageId = asId(event["message_id"]);
  const userId = asId(event["user_id"]);
  const emoji = asRecord(event["emoji"]);
  const name = asString(emoji?.["name"]);
  const emojiId = asId(emoji?.["id"]);
  const reaction = emojiId === undefined ? name : `${name ?? "emoji"}:${emojiId}`;
  if (channelId === undefined || messageId === undefined || userId === undefined || reaction === undefined)
    return malformed("reaction without its message, person or name");
  const sender = senderOfId(context, userId);
  const key = [kind, channelId, messageId, userId, reaction, context.deliveryKey];
  const base = envelopeBase(context, placeOf(context, channelId, direct), sender, orderNow(context, messageId), key);
  return taken({ ...base, kind, body: { messageId, reaction: reaction.slice(0, 255) } });
}

interface Head {
  readonly messageId: string;
  readonly channelId: string;
  readonly place: Place;
  readonly sender: NonNullable<ReturnType<typeof messageSender>>;
}

function readHead(message: Raw, context: InboundContext, direct: boolean): Head | Translation {
  const messageId = asId(message["id"]);
  const channelId = asId(message["channel_id"]);
  if (messageId === undefined || channelId === undefined) return malformed("message without id or channel");
  if (!WORDS.has(message["type"])) return ignored(`message type ${String(asNumber(message["type"]) ?? "unknown")}`);
  const sender = messageSender(context, message);
  if (sender === undefined) return malformed("message without a sender");
  return { messageId, channelId, place: placeOf(context, channelId, direct), sender };
}

function isHeard(
  context: InboundContext,
  direct: boolean,
  self: boolean,
  mentions: ParsedContent["mentions"],
): boolean {
  if (!context.mentionsOnly || direct || self) return true;
  return mentions.bot || mentions.agents.length > 0;
}

function replyOf(message: Raw): string | undefined {
  const reference = asRecord(message["message_reference"]);
  return message["type"] === 19 && reference?.["type"] !== FORWARD ? asId(reference?.["message_id"]) : undefined;
}

/** The words, mentions and files of a message, with what it forwards as foreign words. */
export function readContent(message: Raw, context: InboundContext): ParsedContent {
  const into = new ContentBuilder(context);
  const text = asString(message["content"]) ?? "";
  readMarkdown(text, into, context, message["mention_everyone"] === true);
  if (text === "") readComponents(asList(message["components"]), into, context);
  const channelId = asId(message["channel_id"]) ?? "0";
  const messageId = asId(message["id"]) ?? "0";
  for (const snapshot of asList(message["message_snapshots"])) {
    const forwarded = asRecord(asRecord(snapshot)?.["message"]);
    if (forwarded === undefined) continue;
    into.quote(asString(forwarded["content"]) ?? "", "forwarded message");
    readFiles(forwarded, channelId, messageId, into);
  }
  readFiles(message, channelId, messageId, into);
  for (const sticker of asList(message["sticker_items"]))
    into.verbatim(`[sticker: ${asString(asRecord(sticker)?.["name"])?.slice(0, 64) ?? "unnamed"}]`);
  readPoll(asRecord(message["poll"]), into);
  const parsed = into.finish();
  // A reply that pings the bot names it without a word of it in the text.
  const pinged = asList(message["mentions"]).some((user) => asRecord(user)?.["id"] === context.botUserId);
  const named = text.includes(`<@${context.botUserId}>`) || text.includes(`<@!${context.botUserId}>`);
  return pinged && !named ? { ...parsed, mentions: { ...parsed.mentions, bot: true } } : parsed;
}

/** The texts of Components V2, which stand where the content would. */
function readComponents(
  components: readonly unknown[],
  into: ContentBuilder,
  context: InboundContext,
  depth = 0,
): void {
  if (depth > 4) return;
  for (const item of components) {
    const component = asRecord(item);
    const text = asString(component?.["content"]);
    if (component?.["type"] === 10 && text !== undefined) {
      readMarkdown(text, into, context, false);
      into.verbatim("\n");
    }
    readComponents(asList(component?.["components"]), into, context, depth + 1);
  }
}

function readPoll(poll: Raw | undefined, into: ContentBuilder): void {
  const question = asString(asRecord(poll?.["question"])?.["text"]);
  if (question === undefined) return;
  const answers = asList(poll?.["answers"]).map(
    (answer) => asString(asRecord(asRecord(answer)?.["poll_media"])?.["text"]) ?? "",
  );
  into.verbatim(`[poll: ${question.slice(0, 300)}: ${answers.join(", ").slice(0, 1_000)}]`);
}

const MEDIA_KINDS = ["image", "audio", "video"] as const;

function readFiles(message: Raw, channelId: string, messageId: string, into: ContentBuilder): void {
  const voice = ((asNumber(message["flags"]) ?? 0) & VOICE_MESSAGE) !== 0;
  for (const item of asList(message["attachments"])) {
    const file = asRecord(item);
    const attachmentId = asId(file?.["id"]);
    if (file === undefined || attachmentId === undefined) continue;
    const mediaType = (asString(file["content_type"]) ?? "application/octet-stream").slice(0, 255);
    const sizeBytes = asNumber(file["size"]);
    into.media({
      type: "media",
      mediaId: mediaIdOf({ channelId, messageId, attachmentId }),
      kind: voice ? "voice" : (MEDIA_KINDS.find((kind) => mediaType.startsWith(`${kind}/`)) ?? "file"),
      name: (asString(file["title"]) ?? asString(file["filename"]) ?? attachmentId).slice(0, 256),
      mediaType,
      ...(sizeBytes !== undefined && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 ? { sizeBytes } : {}),
    });
  }
}

/** Oldest first; Discord gives pages newest first. */
export function inOrder(messages: readonly Raw[]): Raw[] {
  return messages
    .filter((message) => asId(message["id"]) !== undefined)
    .toSorted((a, b) => (isNewer(String(a["id"]), String(b["id"])) ? 1 : -1));
}
