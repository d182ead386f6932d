import { ContentBuilder, type ParsedContent } from "../shared/content-builder.ts";
import { type InboundContext, ignored, malformed, type Translation } from "./inbound-context.ts";
import { envelopeBase, messageSender, type Place } from "./inbound-envelope.ts";
import { readMrkdwn } from "./inbound-mrkdwn.ts";
import { readRichText } from "./inbound-rich-text.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { asTs, tsToMs } from "./timestamps.ts";

const CREATES = new Set<unknown>([undefined, "file_share", "thread_broadcast", "bot_message", "me_message"]);

/**
 * Translates `message` and `app_mention` events.
 *
 * A post that names the bot arrives as both, in either order: both give the same envelope under the same dedupeKey, so that
 * whichever is second is a duplicate and no mention is lost.
 */
export function translateMessage(event: Raw, context: InboundContext, external: boolean): Translation {
  const channelId = asId(event["channel"]);
  if (channelId === undefined) return malformed("message without a channel");
  const place = { channelId, channelType: asString(event["channel_type"]), external };
  const subtype = event["subtype"];
  if (CREATES.has(subtype)) return created(event, context, place);
  if (subtype === "message_changed") return changed(event, context, place);
  if (subtype === "message_deleted")
    return deleted(event, context, place, event["deleted_ts"], asRecord(event["previous_message"]));
  return ignored(`message subtype ${asString(subtype)?.slice(0, 64) ?? "that is no text"}`);
}

/** A message as history reads give it: the channel is known from the request. */
export function translateHistoryMessage(message: Raw, context: InboundContext, place: Place): Translation {
  return CREATES.has(message["subtype"])
    ? created(message, context, place)
    : ignored("not a message of a person or bot");
}

/** What became of a message of a history read since it was written: an edit, or the tombstone of a root that was deleted. */
export function translateMissedChange(message: Raw, context: InboundContext, place: Place): Translation {
  return changed({ message }, context, place);
}

function created(message: Raw, context: InboundContext, where: Place): Translation {
  const ts = asTs(message["ts"]);
  if (ts === undefined) return malformed("message without a timestamp");
  const sender = messageSender(context, message);
  if (sender === undefined) return malformed("message without a sender");
  const place = { ...where, threadId: threadOf(message, ts) };
  const { content, mentions } = readContent(message, context);
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, place, sender, ts, ["message", where.channelId, ts]),
      kind: "message_created",
      revision: 0,
      body: { messageId: ts, content, mentions },
    },
  };
}

function changed(event: Raw, context: InboundContext, where: Place): Translation {
  const message = asRecord(event["message"]);
  if (message === undefined) return malformed("message_changed without a message");
  const before = asRecord(event["previous_message"]);
  // A root message with replies is not removed but turned into a tombstone.
  if (message["subtype"] === "tombstone") return deleted(event, context, where, message["ts"], before ?? message);
  if (before !== undefined && sameText(before, message)) return ignored("change without new text");
  const edited = asRecord(message["edited"]);
  if (before === undefined && edited === undefined) return ignored("change without new text");
  if (!CREATES.has(message["subtype"])) return ignored("change of a message that is no text");
  const ts = asTs(message["ts"]);
  const editTs = asTs(edited?.["ts"]) ?? asTs(event["event_ts"]) ?? asTs(event["ts"]);
  const sender = messageSender(context, message);
  if (ts === undefined || editTs === undefined) return malformed("message_changed without a timestamp");
  if (sender === undefined) return malformed("message_changed without a sender");
  const place = { ...where, threadId: threadOf(message, ts) };
  const { content, mentions } = readContent(message, context);
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, place, sender, editTs, ["edit", where.channelId, ts, editTs]),
      kind: "message_edited",
      revision: Math.max(1, tsToMs(editTs)),
      body: { messageId: ts, content, mentions },
    },
  };
}

function deleted(
  event: Raw,
  context: InboundContext,
  where: Place,
  deletedTs: unknown,
  before: Raw | undefined,
): Translation {
  const ts = asTs(deletedTs);
  if (ts === undefined) return malformed("message_deleted without a timestamp");
  const eventTs = asTs(event["event_ts"]) ?? asTs(event["ts"]) ?? ts;
  const sender = (before === undefined ? undefined : messageSender(context, before)) ?? {
    id: "unknown",
    kind: "human" as const,
    self: false,
  };
  const place = { ...where, threadId: before === undefined ? undefined : threadOf(before, ts) };
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, place, sender, eventTs, ["delete", where.channelId, ts]),
      kind: "message_deleted",
      body: { messageId: ts },
    },
  };
}

/** The first message of a thread carries its own ts as thread_ts and belongs to the channel. */
function threadOf(message: Raw, ts: string): string | undefined {
  const threadTs = asTs(message["thread_ts"]);
  return threadTs === ts ? undefined : threadTs;
}

function sameText(before: Raw, after: Raw): boolean {
  return (asString(before["text"]) ?? "") === (asString(after["text"]) ?? "") && fileIds(before) === fileIds(after);
}

function fileIds(message: Raw): string {
  return asList(message["files"])
    .map((file) => asId(asRecord(file)?.["id"]))
    .join();
}

/** The words, mentions and files of a message. People's messages come as rich text, others as mrkdwn or blocks. */
export function readContent(
  message: Raw,
  context: Pick<InboundContext, "botUserId" | "botName" | "agents" | "person">,
): ParsedContent {
  const into = new ContentBuilder(context);
  const text = asString(message["text"]);
  const blocks = asList(message["blocks"]).map(asRecord);
  const richText = blocks.filter((block) => block?.["type"] === "rich_text");
  if (richText.length > 0 && richText.length === blocks.length) {
    for (const block of richText) if (block !== undefined) readRichText(block, into);
  } else if (text !== undefined) {
    readMrkdwn(text, into);
  } else {
    for (const block of blocks) if (block !== undefined) readBlockText(block, into);
  }
  for (const attachment of asList(message["attachments"]))
    readAttachment(asRecord(attachment), text === undefined, into);
  for (const file of asList(message["files"])) readFile(asRecord(file), into);
  return into.finish();
}

function readBlockText(block: Raw, into: ContentBuilder): void {
  if (block["type"] === "rich_text") readRichText(block, into);
  if (block["type"] === "markdown") into.prose(`${asString(block["text"]) ?? ""}\n`);
  const texts = [
    asRecord(block["text"]),
    ...asList(block["fields"]).map(asRecord),
    ...asList(block["elements"]).map(asRecord),
  ];
  for (const object of texts) {
    const words = asString(object?.["text"]);
    if (words !== undefined && (object?.["type"] === "mrkdwn" || object?.["type"] === "plain_text"))
      readMrkdwn(`${words}\n`, into);
  }
}

/** Forwarded messages are words of somebody else; previews of links are nobody's words and left out. */
function readAttachment(attachment: Raw | undefined, onlyText: boolean, into: ContentBuilder): void {
  if (attachment === undefined) return;
  const words = asString(attachment["text"]) ?? asString(attachment["fallback"]);
  if (words === undefined) return;
  const forwarded = attachment["is_share"] === true || attachment["is_msg_unfurl"] === true;
  if (forwarded || onlyText) into.quote(words, asString(attachment["author_name"])?.slice(0, 256));
}

const MEDIA_KINDS = ["image", "audio", "video"] as const;

function readFile(file: Raw | undefined, into: ContentBuilder): void {
  const mediaId = asId(file?.["id"]);
  if (file === undefined || mediaId === undefined || file["mode"] === "tombstone" || file["mode"] === "hidden_by_limit")
    return;
  const mediaType = (asString(file["mimetype"]) ?? "application/octet-stream").slice(0, 255);
  const voice = file["subtype"] === "slack_audio";
  const sizeBytes = file["size"];
  into.media({
    type: "media",
    mediaId,
    kind: voice ? "voice" : (MEDIA_KINDS.find((kind) => mediaType.startsWith(`${kind}/`)) ?? "file"),
    name: (asString(file["name"]) ?? asString(file["title"]) ?? mediaId).slice(0, 256),
    mediaType,
    ...(typeof sizeBytes === "number" && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 ? { sizeBytes } : {}),
  });
}
