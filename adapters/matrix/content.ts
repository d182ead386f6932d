import { createHash } from "node:crypto";
import type { AgentIdentity } from "../../src/contracts/adapter.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { ASK_KEY, askToJson } from "./ask.ts";
import { escapeHtml } from "./markup.ts";
import type { PostBody } from "./post-body.ts";
import { asRecord, asString, type Raw } from "./raw.ts";

/** Marks own messages in their content, so that one whose fate is unknown can be found in the room. */
export const DELIVERY_KEY = "chat.parley.delivery";
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
/** What clients without edits are shown of one. */
const MAX_EDIT_STANDIN_CHARS = 500;

export type Content = { readonly [key: string]: JsonValue };

/** The transaction id of a write: unique over all agents, because homeservers look at the application service alone. */
export function transactionId(idempotencyKey: string): string {
  const hash = createHash("sha256").update(idempotencyKey).digest();
  let id = "";
  for (let index = 0; index < 32; index++) id += BASE32[(hash[index] ?? 0) & 31] ?? "";
  return id;
}

/** How an agent's name is shown where all agents speak through one account; undefined where each has its own. */
export type ShownName = Pick<AgentIdentity, "agentId" | "name" | "avatarUrl"> | undefined;

/** The content of a message, without its place in a thread. */
export function messageContent(
  post: Extract<PostBody, { kind: "message" }>,
  mark: string,
  shownName: ShownName,
): Content {
  const prefix = shownName === undefined ? "" : `${shownName.name}: `;
  return {
    msgtype: post.msgtype,
    body: prefix + post.body,
    format: "org.matrix.custom.html",
    formatted_body: shownName === undefined ? post.html : withName(post.html, shownName.name),
    "m.mentions": {
      ...(post.mentions.length === 0 ? {} : { user_ids: [...post.mentions] }),
      ...(post.room === true ? { room: true } : {}),
    },
    [DELIVERY_KEY]: { key: mark },
    // MSC4095: the message brings its link previews itself, and brings none.
    "com.beeper.linkpreviews": [],
    ...(post.ask === undefined ? {} : { [ASK_KEY]: askToJson(post.ask) }),
    ...profileOf(shownName, { has_fallback: true }),
  };
}

/**
 * The name in place of the account's, for clients that know it (MSC4144). With `has_fallback` they leave out the name that the words
 * begin with; a file has none.
 */
export function profileOf(shownName: ShownName, more: { readonly has_fallback?: true } = {}): Content {
  if (shownName === undefined) return {};
  return {
    "com.beeper.per_message_profile": { id: shownName.agentId, displayname: shownName.name, ...more },
  };
}

function withName(html: string, name: string): string {
  const shown = `<strong data-mx-profile-fallback>${escapeHtml(name)}: </strong>`;
  return html.startsWith("<p>") ? `<p>${shown}${html.slice(3)}` : `<p>${shown}</p>${html}`;
}

/** The content of an edit: the whole new content, and a stand-in for clients that know no edits. */
export function editContent(content: Content, eventId: string, mark: string): Content {
  const { "m.mentions": mentions, ...rest } = content;
  const body = typeof content["body"] === "string" ? content["body"] : "";
  return {
    msgtype: content["msgtype"] ?? "m.text",
    body: `* ${body.slice(0, MAX_EDIT_STANDIN_CHARS).toWellFormed()}`,
    // Nobody is notified a second time.
    "m.mentions": {},
    "m.new_content": { ...rest, "m.mentions": mentions ?? {} },
    "m.relates_to": { rel_type: "m.replace", event_id: eventId },
    [DELIVERY_KEY]: { key: mark },
  };
}

/** The mark of an own message; undefined for everything else. */
export function markOf(event: Raw): string | undefined {
  return asString(asRecord(asRecord(event["content"])?.[DELIVERY_KEY])?.["key"]);
}
