import { randomUUID } from "node:crypto";
import type { Core } from "../core.ts";
import { type Interpreted, notifiedBy, unfurledBy } from "../model/markup.ts";
import type { Author, Channel, Message, MessageMetadata, StoredFile, StreamState, Wire } from "../model/records.ts";
import { nextTs } from "../model/timestamps.ts";
import { channelType, messageWire } from "../model/wire.ts";
import type { LogEntry, LogKind } from "../oracle/channel-log.ts";
import type { Provenance } from "./provenance.ts";

/** What a new message consists of. */
export interface Draft {
  readonly author: Author;
  readonly text: string;
  readonly subtype?: string;
  readonly blocks?: unknown[];
  readonly attachments?: unknown[];
  readonly files?: StoredFile[];
  readonly username?: string;
  readonly icons?: Wire;
  /** The root it replies to. */
  readonly root?: Message;
  readonly broadcast?: boolean;
  readonly metadata?: MessageMetadata;
  readonly stream?: StreamState;
  readonly extra?: Wire;
  readonly interpreted?: Partial<Interpreted>;
  /** How long ago it was written; default 0. */
  readonly ageMs?: number;
}

/** Puts a message into a channel: stored, logged, and told to every app that may see it. */
export function addMessage(core: Core, channel: Channel, draft: Draft, provenance: Provenance): Message {
  const { author, text, root, interpreted, broadcast, ageMs = 0, ...rest } = draft;
  const message: Message = {
    channel: channel.id,
    ts: nextTs(channel, core.nowMs() - ageMs),
    author,
    text,
    ...rest,
    ...(rest.blocks === undefined ? {} : { blocks: withBlockIds(rest.blocks) }),
    ...(root === undefined ? {} : { threadTs: root.ts }),
    ...(broadcast === true ? { broadcast } : {}),
    ...(provenance.by === "user" && rest.subtype === undefined ? { clientMsgId: randomUUID() } : {}),
  };
  channel.messages.push(message);
  channel.byTs.set(message.ts, message);
  if (root !== undefined) {
    root.replies ??= [];
    root.replies.push(message);
  }
  logMessage(core, channel, draft.stream === undefined ? "post" : "stream_start", message, provenance, {
    text,
    blocks: draft.blocks,
    attachments: draft.attachments,
    ...interpreted,
  });
  core.events.messagePosted(channel, message, root, provenance);
  return message;
}

/** What an edit replaces; absent fields stay. `null` removes. */
export interface Change {
  readonly text?: string;
  readonly blocks?: unknown[] | null;
  readonly attachments?: unknown[] | null;
  readonly metadata?: MessageMetadata | null;
  readonly edited: boolean;
}

/** Edits a message; apps see message_changed with the message before and after. */
export function changeMessage(
  core: Core,
  channel: Channel,
  message: Message,
  change: Change,
  provenance: Provenance,
  kind: LogKind = "update",
): void {
  const before = messageWire(message, channel.teamId);
  if (change.text !== undefined) message.text = change.text;
  if (change.blocks === null) delete message.blocks;
  else if (change.blocks !== undefined) message.blocks = withBlockIds(change.blocks);
  if (change.attachments === null) delete message.attachments;
  else if (change.attachments !== undefined) message.attachments = change.attachments;
  if (change.metadata === null) delete message.metadata;
  else if (change.metadata !== undefined) message.metadata = change.metadata;
  if (change.edited) message.edited = { user: provenance.actor, ts: core.eventTs() };
  logMessage(core, channel, kind, message, provenance, {
    text: message.text,
    blocks: message.blocks,
    attachments: kind === "unfurl" ? undefined : message.attachments,
  });
  messageChanged(core, channel, message, before);
}

/** Tells apps that a message looks different now. */
export function messageChanged(core: Core, channel: Channel, message: Message, before: Wire): void {
  const ts = core.eventTs();
  core.events.toMembers(channel, {
    type: "message",
    subtype: "message_changed",
    message: messageWire(message, channel.teamId),
    previous_message: before,
    channel: channel.id,
    hidden: true,
    ts,
    event_ts: ts,
    channel_type: channelType(channel),
  });
}

/** Removes a message; a root with replies leaves a tombstone, as on Slack. */
export function removeMessage(core: Core, channel: Channel, message: Message, provenance: Provenance): void {
  const before = messageWire(message, channel.teamId);
  message.deleted = true;
  core.log.append({
    kind: "delete",
    team: channel.teamId,
    channel: channel.id,
    ts: message.ts,
    ...provenance,
    ...(message.threadTs === undefined ? {} : { threadTs: message.threadTs }),
  });
  const ts = core.eventTs();
  core.events.toMembers(channel, {
    type: "message",
    subtype: "message_deleted",
    previous_message: before,
    channel: channel.id,
    hidden: true,
    deleted_ts: message.ts,
    ts,
    event_ts: ts,
    channel_type: channelType(channel),
  });
}

/** Writes a message entry with everything the oracle wants to know about it. */
export function logMessage(
  core: Core,
  channel: Channel,
  kind: LogKind,
  message: Message,
  provenance: Provenance,
  interpreted: Interpreted,
  detail?: Wire,
): LogEntry {
  const key = message.metadata?.event_payload["k"];
  const notified = notifiedBy(interpreted);
  const unfurled = unfurledBy(interpreted);
  return core.log.append({
    kind,
    team: channel.teamId,
    channel: channel.id,
    ts: message.ts,
    text: interpreted.text,
    ...provenance,
    ...(message.threadTs === undefined ? {} : { threadTs: message.threadTs }),
    ...(message.subtype === undefined ? {} : { subtype: message.subtype }),
    ...(message.username === undefined ? {} : { username: message.username }),
    ...(typeof key === "string" ? { metadataKey: key } : {}),
    ...(notified.length === 0 ? {} : { notified }),
    ...(unfurled.length === 0 ? {} : { unfurled }),
    ...(message.files === undefined ? {} : { detail: { files: message.files.map((file) => file.id) } }),
    ...(detail === undefined ? {} : { detail }),
  });
}

let blockIds = 0;

/** Slack names every block that came without a block_id. */
function withBlockIds(blocks: readonly unknown[]): unknown[] {
  return blocks.map((block) => {
    if (typeof block !== "object" || block === null || "block_id" in block) return block;
    blockIds += 1;
    return { ...block, block_id: `b${blockIds.toString(36)}` };
  });
}
