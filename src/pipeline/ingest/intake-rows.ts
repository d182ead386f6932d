import { EVENT_POLICIES } from "../../access/event-policies.ts";
import type { TextDigest } from "../../access/text-digest.ts";
import { contentToText } from "../../envelope/content.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { ChannelRow, MembershipRow, PersonRow, PlaceRow } from "../../ledger/channel-mirror.ts";
import type { IntakeRow, MessageRow } from "../../ledger/intake.ts";
import { conversationIdOf } from "../../ledger/row-ids.ts";
import { classOf } from "../agent-grant.ts";

/** The intake row of an envelope: pending when it is to be routed, otherwise finished with the reason. Pure. */
export function toIntakeRow(
  id: string,
  envelope: Envelope,
  options: {
    readonly holdMs: number;
    readonly context?: boolean;
    /** Some agent wants to hear of it, though nobody is asked. */
    readonly heard?: boolean;
    readonly digest: TextDigest;
  },
): IntakeRow {
  const { holdMs } = options;
  const { state, reason } = initialState(envelope, options.context === true, options.heard === true);
  return {
    id,
    org: envelope.organizationId,
    inst: envelope.installationId,
    platform: envelope.platform,
    conv: conversationIdOf(envelope.orderingKey),
    channel: envelope.conversation.channel.id,
    thread: envelope.conversation.thread?.id ?? null,
    kind: envelope.kind,
    dedupe: envelope.dedupeKey,
    porder: envelope.platformOrder,
    envelope,
    occurred: envelope.occurredAt,
    state,
    reason,
    hold_ms: state === "pending" ? holdMs : 0,
    digest: digestOf(envelope, options.digest),
  };
}

/** A message's text goes when it is deleted; that it was said, and which text it was, stays provable. */
function digestOf(envelope: Envelope, digest: TextDigest): string | null {
  if (envelope.kind !== "message_created" && envelope.kind !== "message_edited") return null;
  return digest(contentToText(envelope.body.content));
}

function initialState(envelope: Envelope, context: boolean, heard: boolean): { state: string; reason: string | null } {
  const { routed } = EVENT_POLICIES[envelope.kind];
  if (routed === "never" || (routed === "heard" && (!heard || context)))
    return { state: "dropped", reason: "recorded" };
  if (envelope.sender.self) return { state: "dropped", reason: "own_message" };
  if (context) return { state: "expired", reason: "context_only" };
  return { state: "pending", reason: null };
}

/** The message version an envelope brings, if it brings one; own posts are stored by their delivery. Pure. */
export function toMessageRow(eventId: string, envelope: Envelope): MessageRow | undefined {
  if (envelope.kind !== "message_created" && envelope.kind !== "message_edited" && envelope.kind !== "message_deleted")
    return undefined;
  if (envelope.sender.self) return undefined;
  const content = envelope.kind === "message_deleted" ? [] : envelope.body.content;
  return {
    event: eventId,
    org: envelope.organizationId,
    inst: envelope.installationId,
    conv: conversationIdOf(envelope.orderingKey),
    channel: envelope.conversation.channel.id,
    message: envelope.body.messageId,
    text: contentToText(content),
    porder: envelope.platformOrder,
    revision: envelope.revision,
    occurred: envelope.occurredAt,
    deleted: envelope.kind === "message_deleted",
  };
}

/** Guarantees one row per message: a deletion wins, else the highest revision. Pure. */
export function foldMessages(rows: readonly MessageRow[]): MessageRow[] {
  const newest = new Map<string, MessageRow>();
  for (const row of rows) {
    const key = JSON.stringify([row.inst, row.channel, row.message]);
    const known = newest.get(key);
    if (known === undefined || row.deleted || (!known.deleted && row.revision > known.revision)) newest.set(key, row);
  }
  return [...newest.values()];
}

/** What an envelope says about its channel. `archived` and `self_member` are null where it says nothing. Pure. */
export function toChannelRow(envelope: Envelope): ChannelRow {
  const { channel } = envelope.conversation;
  const selfEvent = (envelope.kind === "member_joined" || envelope.kind === "member_left") && envelope.body.self;
  return {
    org: envelope.organizationId,
    inst: envelope.installationId,
    channel: channel.id,
    kind: channel.kind,
    name:
      envelope.kind === "channel_renamed" || envelope.kind === "channel_created"
        ? envelope.body.name
        : (channel.name ?? null),
    external: channel.external,
    archived: envelope.kind === "channel_archived" ? envelope.body.archived : null,
    self_member: selfEvent ? envelope.kind === "member_joined" : null,
    space: envelope.conversation.space.id,
    category: envelope.conversation.category?.id ?? null,
  };
}

/** The places that an envelope names: where its channel lies, and a thread that has a name. Pure. */
export function toPlaceRows(envelope: Envelope): PlaceRow[] {
  const { space, category, channel, thread } = envelope.conversation;
  const base = { org: envelope.organizationId, inst: envelope.installationId };
  const rows: PlaceRow[] = [{ ...base, place: space.id, level: "space", parent: null, name: space.name ?? null }];
  if (category !== undefined)
    rows.push({ ...base, place: category.id, level: "category", parent: space.id, name: category.name ?? null });
  if (thread?.name !== undefined)
    rows.push({ ...base, place: thread.id, level: "thread", parent: channel.id, name: thread.name });
  return rows;
}

export function toPersonRow(envelope: Envelope): PersonRow | undefined {
  const { sender } = envelope;
  if (sender.self || sender.kind === "agent" || sender.name === undefined) return undefined;
  return {
    org: envelope.organizationId,
    inst: envelope.installationId,
    person: sender.id,
    kind: sender.kind,
    name: sender.name,
    avatar: sender.avatarUrl ?? null,
  };
}

/** Joins and leaves as such; whoever writes in a channel is in it. Pure. */
export function toMembershipRow(envelope: Envelope): MembershipRow | undefined {
  const base = {
    org: envelope.organizationId,
    inst: envelope.installationId,
    channel: envelope.conversation.channel.id,
    source: "event" as const,
    version: envelope.platformOrder,
    occurred: envelope.occurredAt,
  };
  if (envelope.kind === "member_joined" && !envelope.body.self) {
    const { memberId } = envelope.body;
    const isOwn = envelope.sender.id === memberId;
    return {
      ...base,
      member: memberId,
      state: "joined",
      implied: false,
      member_class: isOwn ? classOf(envelope.sender) : "unknown",
    };
  }
  if (envelope.kind === "member_left" && !envelope.body.self)
    return { ...base, member: envelope.body.memberId, state: "left", implied: false };
  if (envelope.kind === "message_created" && !envelope.sender.self && envelope.sender.kind !== "agent")
    return {
      ...base,
      member: envelope.sender.id,
      state: "joined",
      implied: true,
      member_class: classOf(envelope.sender),
    };
  return undefined;
}
