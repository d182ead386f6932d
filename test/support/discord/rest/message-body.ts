import type { MessageContent } from "../effects/messages.ts";
import { MESSAGE_FLAGS } from "../model/bits.ts";
import { type AllowedMentions, codePoints, isWire } from "../model/markup.ts";
import type { Message, StoredAttachment, Wire } from "../model/records.ts";
import type { World } from "../model/world.ts";
import { ApiError, invalidForm, refused, tooLong } from "./api-error.ts";
import type { UploadedFile } from "./body.ts";
import { checkComponents } from "./component-limits.ts";
import { checkEmbeds } from "./embed-limits.ts";

const MAX_CONTENT_CHARS = 2_000;
const MAX_FILES = 10;
const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** What an app may set when it posts. */
const SETTABLE =
  MESSAGE_FLAGS.SUPPRESS_EMBEDS |
  MESSAGE_FLAGS.SUPPRESS_NOTIFICATIONS |
  MESSAGE_FLAGS.IS_VOICE_MESSAGE |
  MESSAGE_FLAGS.IS_COMPONENTS_V2 |
  MESSAGE_FLAGS.EPHEMERAL;

/** Reads and checks what a new message or an edit says; throws what Discord answers. */
export function messageContent(
  world: World,
  body: Wire,
  files: readonly UploadedFile[],
  existing?: Message,
): MessageContent {
  const flags = flagsOf(body, existing);
  const isV2 = ((flags ?? existing?.flags ?? 0) & MESSAGE_FLAGS.IS_COMPONENTS_V2) !== 0;
  const content = contentOf(body);
  const embeds = listOf(body, "embeds");
  const components = listOf(body, "components");
  const attachments = attachmentsOf(world, body, files, existing);
  if (embeds !== undefined) checkEmbeds(embeds);
  if (components !== undefined) checkComponents(components, isV2);
  if (isV2) refuseLegacyFields(body, existing, { content, embeds });
  if (((flags ?? 0) & MESSAGE_FLAGS.IS_VOICE_MESSAGE) !== 0) checkVoice(content, attachments);
  const read: MessageContent = {
    ...(content === undefined ? {} : { content }),
    ...(embeds === undefined ? {} : { embeds }),
    ...(components === undefined ? {} : { components }),
    ...(attachments === undefined ? {} : { attachments }),
    ...(flags === undefined ? {} : { flags }),
    ...allowedMentionsOf(body),
  };
  refuseEmpty(read, existing);
  return read;
}

/** `nonce`: text of at most 25 characters, or a number. */
export function nonceOf(body: Wire): { nonce?: string | number; enforced: boolean } {
  const { nonce, enforce_nonce: enforce } = body;
  if (nonce === undefined || nonce === null) return { enforced: false };
  if (typeof nonce !== "string" && typeof nonce !== "number")
    throw invalidForm(["nonce", "BASE_TYPE_BAD_TYPE", "This field must be a string or integer."]);
  if (String(nonce).length > 25) throw tooLong("nonce", 25);
  return { nonce, enforced: enforce === true };
}

function contentOf(body: Wire): string | undefined {
  const { content } = body;
  if (content === undefined) return undefined;
  if (content === null) return "";
  if (typeof content !== "string" && typeof content !== "number")
    throw invalidForm(["content", "STRING_TYPE_CONVERT", "Could not interpret value as string."]);
  // Discord trims and counts code points.
  const text = String(content).trim();
  if (codePoints(text) > MAX_CONTENT_CHARS) throw tooLong("content", MAX_CONTENT_CHARS);
  return text;
}

function listOf(body: Wire, name: string): Wire[] | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (value === null) return [];
  if (!Array.isArray(value) || !value.every(isWire))
    throw invalidForm([name, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType."]);
  return value;
}

function flagsOf(body: Wire, existing: Message | undefined): number | undefined {
  const { flags } = body;
  if (flags === undefined || flags === null) return undefined;
  if (typeof flags !== "number" || !Number.isInteger(flags) || (flags & ~SETTABLE & ~(existing?.flags ?? 0)) !== 0)
    throw invalidForm(["flags", "NUMBER_TYPE_COERCE", "Value is not one that an app may set."]);
  if (existing === undefined) return flags;
  const wasV2 = (existing.flags & MESSAGE_FLAGS.IS_COMPONENTS_V2) !== 0;
  if (wasV2 && (flags & MESSAGE_FLAGS.IS_COMPONENTS_V2) === 0)
    throw invalidForm([
      "flags",
      "MESSAGE_FLAGS_CANNOT_REMOVE_COMPONENTS_V2",
      "The IS_COMPONENTS_V2 flag cannot be removed.",
    ]);
  // An edit changes these two; everything else stays as it was.
  const changeable = MESSAGE_FLAGS.SUPPRESS_EMBEDS | MESSAGE_FLAGS.IS_COMPONENTS_V2;
  return (existing.flags & ~changeable) | (flags & changeable);
}

function refuseLegacyFields(
  body: Wire,
  existing: Message | undefined,
  given: { content: string | undefined; embeds: readonly Wire[] | undefined },
): void {
  const legacy = [
    ["content", (given.content ?? existing?.content ?? "") !== ""],
    ["embeds", (given.embeds ?? existing?.embeds ?? []).length > 0],
    ["poll", body["poll"] !== undefined && body["poll"] !== null],
    ["sticker_ids", Array.isArray(body["sticker_ids"]) && body["sticker_ids"].length > 0],
  ] as const;
  const found = legacy.flatMap(([name, isUsed]) =>
    isUsed
      ? [
          [
            name,
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            `The '${name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2`,
          ] as const,
        ]
      : [],
  );
  if (found.length > 0) throw invalidForm(...found);
}

/** A file comes with the request, or stays from before when its id is named; without a list an edit keeps all. */
function attachmentsOf(
  world: World,
  body: Wire,
  files: readonly UploadedFile[],
  existing: Message | undefined,
): StoredAttachment[] | undefined {
  const named = listOf(body, "attachments");
  if (named === undefined && files.length === 0) return undefined;
  const kept =
    named === undefined
      ? (existing?.attachments ?? [])
      : (existing?.attachments ?? []).filter((one) => named.some((name) => String(name["id"]) === one.id));
  const added = files.map((file) => {
    if (file.bytes.length > MAX_FILE_BYTES) throw refused(40005);
    const about = named?.find((name) => String(name["id"]) === file.key) ?? {};
    return storedFile(world, file, about);
  });
  const all = [...kept, ...added];
  if (all.length > MAX_FILES)
    throw invalidForm(["attachments", "BASE_TYPE_MAX_LENGTH", `Must be ${MAX_FILES} or fewer in length.`]);
  return all;
}

function storedFile(world: World, file: UploadedFile, about: Wire): StoredAttachment {
  const { filename, description, duration_secs: seconds, waveform } = about;
  return {
    id: world.newId(),
    // Discord replaces what may stand in no address.
    filename: (typeof filename === "string" ? filename : file.filename).replace(/[^\p{L}\p{N}._-]+/gu, "_"),
    contentType: file.contentType === "" ? undefined : file.contentType,
    bytes: file.bytes,
    ...(typeof description === "string" ? { description } : {}),
    ...(typeof seconds === "number" ? { durationSecs: seconds } : {}),
    ...(typeof waveform === "string" ? { waveform } : {}),
  };
}

function checkVoice(content: string | undefined, attachments: readonly StoredAttachment[] | undefined): void {
  const [only] = attachments ?? [];
  if (
    (content ?? "") !== "" ||
    attachments?.length !== 1 ||
    only?.durationSecs === undefined ||
    only.waveform === undefined
  )
    throw new ApiError(400, 50161, "Voice messages must have a single audio attachment.");
}

function allowedMentionsOf(body: Wire): { allowedMentions?: AllowedMentions } {
  const given = body["allowed_mentions"];
  if (given === undefined || given === null) return {};
  if (!isWire(given))
    throw invalidForm(["allowed_mentions", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType"]);
  const list = (name: string): string[] => {
    const value = given[name];
    return Array.isArray(value) ? value.map(String) : [];
  };
  const [parse, users, roles] = [list("parse"), list("users"), list("roles")];
  for (const [name, ids] of [
    ["users", users],
    ["roles", roles],
  ] as const) {
    if (ids.length > 100) throw tooLong(`allowed_mentions.${name}`, 100);
    if (ids.length > 0 && parse.includes(name))
      throw invalidForm([
        "allowed_mentions",
        "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
        `parse:["${name}"] and ${name}: [ids...] are mutually exclusive.`,
      ]);
  }
  for (const one of parse)
    if (!["users", "roles", "everyone"].includes(one))
      throw invalidForm([
        "allowed_mentions.parse",
        "BASE_TYPE_CHOICES",
        "Value must be one of ('users', 'everyone', 'roles').",
      ]);
  return { allowedMentions: { parse, users, roles, repliedUser: given["replied_user"] === true } };
}

function refuseEmpty(read: MessageContent, existing: Message | undefined): void {
  const content = read.content ?? existing?.content ?? "";
  const lists = [
    read.embeds ?? existing?.embeds ?? [],
    read.components ?? existing?.components ?? [],
    read.attachments ?? existing?.attachments ?? [],
  ];
  if (content === "" && lists.every((list) => list.length === 0)) throw refused(50006);
}
