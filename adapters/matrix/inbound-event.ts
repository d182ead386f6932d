import type { Sender } from "../../src/envelope/conversation.ts";
import { optionOfReaction } from "./ask.ts";
import { requestNamed } from "./inbound-command.ts";
import { type InboundContext, ignored, isOwn, malformed, type Translation } from "./inbound-context.ts";
import { envelopeBase, senderOf } from "./inbound-envelope.ts";
import { translateMessage, translateTakenBack } from "./inbound-message.ts";
import { asEventId, asUserId } from "./matrix-ids.ts";
import { asRecord, asString, type Raw } from "./raw.ts";
import { redacted, replaces } from "./relations.ts";

const MAX_REACTION_CHARS = 255;
/** State that changes what is known of the room and is no event of the conversation. */
const FACTS = new Set([
  "m.room.create",
  "m.room.power_levels",
  "m.room.join_rules",
  "m.room.history_visibility",
  "m.room.guest_access",
  "m.room.encryption",
  "m.room.topic",
  "m.room.avatar",
  "m.room.pinned_events",
  "m.room.server_acl",
  "m.space.child",
  "m.space.parent",
]);

/**
 * Translates one event of a room's timeline, decrypted where it was encrypted; pure.
 *
 * https://spec.matrix.org/v1.19/client-server-api/#events
 */
export function translateEvent(event: Raw, context: InboundContext): Translation {
  const type = event["type"];
  if (typeof type !== "string" || type === "") return malformed("event without a type");
  if (asEventId(event["event_id"]) === undefined) return malformed("event without an id");
  if (asRecord(event["content"]) === undefined) return malformed("event without content");
  switch (type) {
    case "m.room.message":
    case "m.sticker":
      return event["state_key"] === undefined ? translateMessage(event, context) : ignored("message that is state");
    case "m.reaction":
      return reaction(event, context);
    case "m.room.redaction":
      return redaction(event, context);
    case "m.room.member":
      return member(event, context);
    case "m.room.name":
    case "m.room.canonical_alias":
      return renamed(event, context);
    case "m.room.tombstone":
      return tombstone(event, context);
    case "m.room.encrypted":
      return ignored("encrypted event that cannot be read");
    default:
      return ignored(FACTS.has(type) ? "facts about the room" : `event of type ${type.slice(0, 64)}`);
  }
}

/** The id of the event that has to be known before this one can be translated, or the code of a request. */
export function relatedTo(event: Raw): { readonly eventId: string } | { readonly code: string } | undefined {
  const content = asRecord(event["content"]);
  const type = event["type"];
  if (type === "m.room.redaction") {
    const eventId = redacted(event);
    return eventId === undefined ? undefined : { eventId };
  }
  const target =
    type === "m.reaction" ? asEventId(asRecord(content?.["m.relates_to"])?.["event_id"]) : replaces(content);
  if (target !== undefined) return { eventId: target };
  return type === "m.room.message" ? requestNamed(content) : undefined;
}

function reaction(event: Raw, context: InboundContext): Translation {
  const relation = asRecord(asRecord(event["content"])?.["m.relates_to"]);
  // A reaction that was taken back comes without its relation.
  if (relation === undefined) return ignored("reaction that was redacted");
  const eventId = asEventId(event["event_id"]);
  const messageId = asEventId(relation["event_id"]);
  const key = asString(relation["key"])?.toWellFormed().replaceAll("\u0000", "\ufffd");
  const sender = senderOf(context, event);
  if (eventId === undefined || messageId === undefined || key === undefined || sender === undefined)
    return malformed("reaction without a message, a sign or a sender");
  if (relation["rel_type"] !== "m.annotation") return ignored("reaction that annotates nothing");
  if (key.length > MAX_REACTION_CHARS) return ignored("reaction longer than any sign");
  const { related } = context;
  const base = envelopeBase(context, event, sender, related?.threadId, ["reaction", eventId]);
  const asked = related !== undefined && isOwn(context, related.sender) && !sender.self ? related.ask : undefined;
  const option = asked === undefined ? undefined : optionOfReaction(asked, key);
  if (asked !== undefined && option !== undefined)
    return {
      outcome: "envelope",
      envelope: {
        ...base,
        kind: "action_submitted",
        body: { actionId: asked.id, value: option.id, messageId, fields: {}, reaction: key },
      },
    };
  return { outcome: "envelope", envelope: { ...base, kind: "reaction_added", body: { messageId, reaction: key } } };
}

function redaction(event: Raw, context: InboundContext): Translation {
  const targetId = redacted(event);
  const sender = senderOf(context, event);
  if (targetId === undefined || sender === undefined) return malformed("redaction without a target or a sender");
  const { related } = context;
  if (related?.type === "m.reaction") {
    if (related.reaction === undefined) return ignored("redaction of a reaction that nobody remembers");
    const actor = senderOf(context, { ...event, sender: related.sender }) ?? sender;
    const base = envelopeBase(context, event, actor, related.threadId, ["unreaction", targetId]);
    return {
      outcome: "envelope",
      envelope: {
        ...base,
        kind: "reaction_removed",
        body: { messageId: related.reaction.eventId, reaction: related.reaction.key },
      },
    };
  }
  if (related !== undefined && !["m.room.message", "m.sticker", "m.room.encrypted"].includes(related.type))
    return ignored("redaction of something that is no message");
  if (related?.isEdit === true) return translateTakenBack(event, related, context);
  const author = related === undefined ? sender : (senderOf(context, { ...event, sender: related.sender }) ?? sender);
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, event, author, related?.threadId, ["delete", targetId]),
      kind: "message_deleted",
      body: { messageId: targetId },
    },
  };
}

function member(event: Raw, context: InboundContext): Translation {
  const memberId = asUserId(event["state_key"]);
  const eventId = asEventId(event["event_id"]);
  const actor = senderOf(context, event);
  const membership = asRecord(event["content"])?.["membership"];
  if (memberId === undefined || eventId === undefined || actor === undefined || typeof membership !== "string")
    return malformed("membership without a member or a sender");
  const was = context.before.membership;
  const joined = membership === "join" && was !== "join";
  const left = membership !== "join" && was === "join";
  if (!joined && !left) return ignored("no one came or went");
  const own = isOwn(context, memberId);
  const base = envelopeBase(context, event, actor, undefined, ["member", eventId]);
  if (joined) {
    const name = context.room.state.member(memberId)?.name;
    const body = { memberId, ...(name === undefined ? {} : { memberName: name }), self: own };
    return { outcome: "envelope", envelope: { ...base, kind: "member_joined", body } };
  }
  // The installation has left when the last of its accounts has.
  const self = own && !context.room.state.someMember((id, one) => one.membership === "join" && isOwn(context, id));
  return { outcome: "envelope", envelope: { ...base, kind: "member_left", body: { memberId, self } } };
}

function renamed(event: Raw, context: InboundContext): Translation {
  const eventId = asEventId(event["event_id"]);
  const actor = senderOf(context, event);
  if (eventId === undefined || actor === undefined || event["state_key"] !== "")
    return malformed("name of a room without a sender");
  const { name } = context.room.state;
  if (name === undefined || name === context.before.roomName) return ignored("the name is the same");
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, event, actor, undefined, ["renamed", eventId]),
      kind: "channel_renamed",
      body: { name },
    },
  };
}

function tombstone(event: Raw, context: InboundContext): Translation {
  const eventId = asEventId(event["event_id"]);
  const actor: Sender | undefined = senderOf(context, event);
  if (eventId === undefined || actor === undefined || event["state_key"] !== "")
    return malformed("tombstone without a sender");
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, event, actor, undefined, ["archived", eventId]),
      kind: "channel_archived",
      body: { archived: true },
    },
  };
}
