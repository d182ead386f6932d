import { AllowedMentionsTypes, type APIAllowedMentions, type RESTPostAPIChannelMessageJSONBody } from "discord.js";
import type { AgentIdentity } from "../../src/contracts/adapter.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { WORD_JOINER } from "../shared/markdown-safety.ts";
import { type Component, textDisplay } from "./components.ts";
import { type DeliveryMark, marked } from "./marks.ts";
import { plainLine } from "./markup.ts";
import { MESSAGE_FLAGS } from "./message-flags.ts";
import type { PostBody } from "./post-body.ts";

const MAX_NAME_CHARS = 80;

export type Payload = { readonly [key: string]: JsonValue };

/** What a message is made of when it is posted. `author` is set where the bot speaks for an agent and has to say so. */
export function createPayload(body: PostBody, mark: DeliveryMark, author: AgentIdentity | undefined): Payload {
  const common = {
    allowed_mentions: allowedMentions(body),
    tts: false,
  } satisfies RESTPostAPIChannelMessageJSONBody;
  if (body.kind === "plain")
    return { ...common, content: withName(body.text, author), flags: MESSAGE_FLAGS.suppressEmbeds };
  return {
    ...common,
    components: marked(withNameComponent(body.components, author), mark),
    flags: MESSAGE_FLAGS.suppressEmbeds | MESSAGE_FLAGS.componentsV2,
    ...attachments(body),
  };
}

/**
 * What a message becomes by an edit. Its form was chosen when it was posted: Components V2 stay, and plain words become
 * components only when the new form needs them. `allowed_mentions` again: without it an edit would notify.
 */
export function editPayload(
  body: PostBody,
  mark: DeliveryMark,
  options: { readonly author: AgentIdentity | undefined; readonly isV2: boolean },
): Payload {
  const allowed_mentions = allowedMentions(body);
  if (body.kind === "plain" && !options.isV2)
    return {
      content: withName(body.text, options.author),
      components: [],
      allowed_mentions,
      flags: MESSAGE_FLAGS.suppressEmbeds,
    };
  const components = body.kind === "plain" ? [textDisplay(body.text)] : body.components;
  return {
    ...(options.isV2 ? {} : { content: null, embeds: [] }),
    components: marked(withNameComponent(components, options.author), mark),
    allowed_mentions,
    flags: MESSAGE_FLAGS.suppressEmbeds | MESSAGE_FLAGS.componentsV2,
    ...attachments(body),
  };
}

/** How the agent is called and looks; Discord refuses some words in names. */
export function webhookAuthor({ name, avatarUrl }: AgentIdentity): Payload {
  const safe = name
    .replace(/discord|clyde/giu, (word) => `${word.slice(0, 1)}${WORD_JOINER}${word.slice(1)}`)
    .replace(/^(everyone|here)$/iu, `$1${WORD_JOINER}`)
    .slice(0, MAX_NAME_CHARS)
    .toWellFormed();
  return {
    username: safe.trim() === "" ? "Agent" : safe,
    ...(avatarUrl?.startsWith("https://") ? { avatar_url: avatarUrl } : {}),
  };
}

/** Whether a message of Discord's record is made of Components V2. */
export function isComponentsV2(flags: number | undefined): boolean {
  return ((flags ?? 0) & MESSAGE_FLAGS.componentsV2) !== 0;
}

/** Nobody but these people is notified, whatever the text says; and everybody where that was allowed. */
function allowedMentions({ users, everyone }: Pick<PostBody, "users" | "everyone">) {
  const parse = everyone === true ? [AllowedMentionsTypes.Everyone] : [];
  return { parse, users: users.slice(0, 100), replied_user: false } satisfies APIAllowedMentions;
}

function attachments(body: PostBody): Payload {
  if (body.kind !== "components" || body.files.length === 0) return {};
  return { attachments: body.files.map((file, id) => ({ id, filename: file.name })) };
}

function withName(text: string, author: AgentIdentity | undefined): string {
  return author === undefined ? text : `${nameLine(author)}\n${text}`;
}

function withNameComponent(components: readonly Component[], author: AgentIdentity | undefined): readonly Component[] {
  return author === undefined ? components : [textDisplay(nameLine(author)), ...components];
}

function nameLine({ name }: AgentIdentity): string {
  return `**${plainLine(name, MAX_NAME_CHARS)}**`;
}
