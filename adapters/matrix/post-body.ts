import type { RenderedPost } from "../../src/contracts/adapter.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { ASK_KEY, type Ask, askToJson, readAsk } from "./ask.ts";
import { asEventId } from "./matrix-ids.ts";
import { asList, asRecord, asString } from "./raw.ts";

/** What an outbox row of Matrix holds: a message, or a file with the words that stand for it. */
export type PostBody =
  | {
      readonly kind: "message";
      readonly msgtype: "m.text" | "m.notice";
      readonly body: string;
      readonly html: string;
      /** User ids that it names. */
      readonly mentions: readonly string[];
      /** It names the whole room. Never read back from the outbox: it is decided as the post is sent. */
      readonly room?: true;
      /** What it asks people for. */
      readonly ask?: Ask;
      /** The event that it answers. */
      readonly replyTo?: string;
    }
  | {
      readonly kind: "upload";
      readonly name: string;
      readonly mediaType: string;
      readonly base64: string;
      readonly body: string;
    };

/** The posts, the first of which answers an event, if it is a message. */
export function answering(posts: readonly RenderedPost[], replyTo: string | undefined): readonly RenderedPost[] {
  const [first, ...rest] = posts;
  if (replyTo === undefined || first === undefined) return posts;
  const body = readPostBody(first.body);
  return body.kind === "message" ? [{ ...first, body: postBodyToJson({ ...body, replyTo }) }, ...rest] : posts;
}

export function postBodyToJson(body: PostBody): JsonValue {
  if (body.kind === "upload") return { ...body };
  const { ask, ...rest } = body;
  return { ...rest, mentions: [...body.mentions], ...(ask === undefined ? {} : { [ASK_KEY]: askToJson(ask) }) };
}

/** Reads a body back from the outbox. Throws CONTENT_REJECTED when it is none of this adapter. */
export function readPostBody(value: JsonValue): PostBody {
  const raw = asRecord(value);
  const body = asString(raw?.["body"]) ?? "";
  if (raw?.["kind"] === "message") {
    const ask = readAsk(raw);
    const replyTo = asEventId(raw["replyTo"]);
    return {
      kind: "message",
      msgtype: raw["msgtype"] === "m.notice" ? "m.notice" : "m.text",
      body,
      html: asString(raw["html"]) ?? "",
      mentions: asList(raw["mentions"]).filter((id) => typeof id === "string"),
      ...(ask === undefined ? {} : { ask }),
      ...(replyTo === undefined ? {} : { replyTo }),
    };
  }
  const name = asString(raw?.["name"]);
  const base64 = asString(raw?.["base64"]);
  if (raw?.["kind"] === "upload" && name !== undefined && base64 !== undefined)
    return { kind: "upload", name, base64, body, mediaType: asString(raw["mediaType"]) ?? "application/octet-stream" };
  throw new ParleyError("CONTENT_REJECTED", { detail: "the body was not rendered by the Matrix adapter" });
}
