import { type ContentBlock, MAX_BLOCK_TEXT_CHARS } from "../../src/envelope/content.ts";
import type { ParsedContent } from "../shared/content-builder.ts";
import { MessageContent, type MessageContext, type NamedAccounts } from "./inbound-content.ts";
import { readHtml } from "./inbound-html.ts";
import { readPlain } from "./inbound-plain.ts";
import { asUserId } from "./matrix-ids.ts";
import { mediaIdOf } from "./media-id.ts";
import { asInteger, asList, asRecord, asString, type Raw } from "./raw.ts";
import { repliedTo } from "./relations.ts";

/** The words, mentions and files of a message. */
export function readContent(content: Raw, msgtype: string, context: MessageContext): ParsedContent {
  const into = new MessageContent(context, readMentions(content["m.mentions"]));
  const media = mediaBlock(content, msgtype);
  const caption =
    media === undefined || (typeof content["filename"] === "string" && content["filename"] !== content["body"]);
  if (msgtype === "m.emote") into.prose("_");
  if (caption) readWords(content, into, context);
  if (msgtype === "m.emote") into.prose("_");
  if (msgtype === "m.location") into.prose(` (${(asString(content["geo_uri"]) ?? "").slice(0, 256)})`);
  if (media !== undefined) into.media(media);
  return into.finish();
}

function readWords(content: Raw, into: MessageContent, context: MessageContext): void {
  const html = content["format"] === "org.matrix.custom.html" ? asString(content["formatted_body"]) : undefined;
  if (html !== undefined && readHtml(html, into)) return;
  const body = plainBody(content);
  const nameChars = namedAtStart(body, context);
  if (nameChars > 0) into.account(context.userId, context.botName);
  readPlain(body.slice(nameChars), into);
}

/** Length of the bot's own name or id where a plain text begins with it: what a mention leaves in the plain body. */
function namedAtStart(body: string, { userId, botName }: MessageContext): number {
  for (const word of [userId, `@${botName}`, botName])
    if (body.slice(0, word.length).toLowerCase() === word.toLowerCase() && /^[\s:,]/u.test(body.slice(word.length)))
      return word.length;
  return 0;
}

/** The body without what clients used to put before it for those that show no replies. */
export function plainBody(content: Raw): string {
  const body = typeof content["body"] === "string" ? content["body"] : "";
  if (repliedTo(content) === undefined || !/^> <[^>]{1,300}>/u.test(body)) return body.slice(0, MAX_BLOCK_TEXT_CHARS);
  return body.replace(/^(?:>[^\n]*(?:\n|$))+\n?/u, "").slice(0, MAX_BLOCK_TEXT_CHARS);
}

/** Since Matrix 1.17 this alone says who is notified. Undefined when a client from before then does not send it. */
function readMentions(value: unknown): NamedAccounts | undefined {
  const raw = asRecord(value);
  if (raw === undefined) return undefined;
  const userIds = asList(raw["user_ids"]).flatMap((id) => {
    const userId = asUserId(id);
    return userId === undefined ? [] : [userId];
  });
  return { userIds: userIds.slice(0, 300), everyone: raw["room"] === true };
}

const MEDIA_KINDS: Readonly<Record<string, "image" | "audio" | "video" | "file">> = {
  "m.image": "image",
  "m.sticker": "image",
  "m.audio": "audio",
  "m.video": "video",
  "m.file": "file",
};

function mediaBlock(content: Raw, msgtype: string): Extract<ContentBlock, { type: "media" }> | undefined {
  const kind = MEDIA_KINDS[msgtype];
  const mediaId = kind === undefined ? undefined : mediaIdOf(content);
  if (kind === undefined || mediaId === undefined) return undefined;
  const info = asRecord(content["info"]);
  const sizeBytes = asInteger(info?.["size"]);
  const voice = content["org.matrix.msc3245.voice"] !== undefined || content["m.voice"] !== undefined;
  return {
    type: "media",
    mediaId,
    kind: kind === "audio" && voice ? "voice" : kind,
    name: (asString(content["filename"]) ?? asString(content["body"]) ?? kind).slice(0, 256),
    mediaType: (asString(info?.["mimetype"]) ?? "application/octet-stream").slice(0, 255),
    ...(sizeBytes === undefined || sizeBytes < 0 ? {} : { sizeBytes }),
  };
}
