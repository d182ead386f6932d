import type { MessageMetadata, Wire } from "../model/records.ts";
import { ApiError, invalidArguments } from "./api-error.ts";
import { checkBlocks } from "./block-limits.ts";
import { type BotCall, needScope } from "./call.ts";

const TEXT_KEPT = 40_000;
const MARKDOWN_CHARS = 12_000;
const METADATA_BYTES = 8_000;

/** The content of a message as an app sent it, checked. */
export interface Content {
  readonly text: string;
  readonly blocks?: unknown[];
  readonly attachments?: unknown[];
  readonly metadata?: MessageMetadata;
}

/** Reads text, markdown_text, blocks, attachments and metadata; refuses what Slack refuses. Text beyond 40 000 is cut off. */
export function contentOf(call: BotCall): Content {
  const { args } = call;
  const text = args.text("text");
  const markdown = markdownOf(call);
  const blocks = blocksOf(call);
  const attachments = args.list("attachments", "invalid_attachments");
  if (markdown !== undefined && (text !== undefined || blocks !== undefined))
    throw new ApiError("markdown_text_conflict");
  if (attachments !== undefined && attachments.length > 100) throw new ApiError("too_many_attachments");
  if (text === undefined && markdown === undefined && !isFilled(blocks) && !isFilled(attachments))
    throw new ApiError("no_text");
  const metadata = metadataOf(call);
  return {
    text: (text ?? markdown ?? "").slice(0, TEXT_KEPT),
    ...(markdown === undefined ? {} : { blocks: [{ type: "markdown", text: markdown }] }),
    ...(isFilled(blocks) ? { blocks } : {}),
    ...(isFilled(attachments) ? { attachments } : {}),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

export function markdownOf(call: BotCall): string | undefined {
  const markdown = call.args.text("markdown_text");
  if (markdown !== undefined && markdown.length > MARKDOWN_CHARS) throw new ApiError("msg_too_long");
  return markdown;
}

export function blocksOf(call: BotCall): unknown[] | undefined {
  const blocks = call.args.json("blocks", "invalid_blocks_format");
  return blocks === undefined ? undefined : checkBlocks(blocks, "message", call.core.options.maxTotalBlockChars);
}

/** Message metadata with event_type and event_payload; an empty object means "none". */
export function metadataOf(call: BotCall): MessageMetadata | undefined {
  const value = call.args.json("metadata", "invalid_metadata_format");
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ApiError("invalid_metadata_format");
  if (Object.keys(value).length === 0) return undefined;
  // Parsed JSON: a record of strings.
  const { event_type: type, event_payload: payload } = value as Wire;
  if (typeof type !== "string" || type === "" || typeof payload !== "object" || payload === null) {
    throw new ApiError("invalid_metadata_schema");
  }
  if (Buffer.byteLength(JSON.stringify(value)) > METADATA_BYTES) throw new ApiError("metadata_too_large");
  return { event_type: type, event_payload: payload as Wire };
}

/** The customised author, which needs chat:write.customize. Slack ignores icon_url next to icon_emoji. */
export function identityOf(call: BotCall): { username?: string; icons?: Wire; isCustom: boolean } {
  const username = call.args.text("username");
  const emoji = call.args.text("icon_emoji");
  const url = call.args.text("icon_url");
  if (username === undefined && emoji === undefined && url === undefined) return { isCustom: false };
  needScope(call, "chat:write.customize");
  const icons: Wire | undefined =
    emoji !== undefined ? { emoji } : url !== undefined ? { image_36: url, image_48: url, image_72: url } : undefined;
  return { isCustom: true, ...(username === undefined ? {} : { username }), ...(icons === undefined ? {} : { icons }) };
}

/** Streaming chunks, each with the fields its type requires. */
export function chunksOf(call: BotCall): Wire[] | undefined {
  const chunks = call.args.list("chunks", "invalid_chunks");
  return chunks?.map((chunk) => {
    if (typeof chunk !== "object" || chunk === null) throw new ApiError("invalid_chunks");
    const wire = chunk as Wire; // parsed JSON
    const { type, text, id, title, status, blocks } = wire;
    const valid =
      (type === "markdown_text" && typeof text === "string" && text.length <= MARKDOWN_CHARS) ||
      (type === "task_update" && typeof id === "string" && typeof title === "string" && typeof status === "string") ||
      (type === "plan_update" && typeof title === "string") ||
      (type === "blocks" && Array.isArray(blocks));
    if (!valid) throw new ApiError("invalid_chunks");
    if (type === "blocks") checkBlocks(blocks, "message", call.core.options.maxTotalBlockChars);
    return wire;
  });
}

/** A flag pair as the oracle wants it. */
export function unfurlFlags(call: BotCall): {
  unfurlLinks: boolean | undefined;
  unfurlMedia: boolean | undefined;
  parsesNames: boolean;
} {
  const parse = call.args.text("parse");
  if (parse !== undefined && !["full", "none", "client", "mrkdwn"].includes(parse))
    throw invalidArguments("invalid parse");
  return {
    unfurlLinks: call.args.flag("unfurl_links"),
    unfurlMedia: call.args.flag("unfurl_media"),
    parsesNames: parse === "full" || call.args.flag("link_names") === true,
  };
}

function isFilled(list: unknown[] | undefined): list is unknown[] {
  return list !== undefined && list.length > 0;
}
