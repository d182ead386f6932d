import { fieldsOfWords } from "./ask.ts";
import { plainBody, readContent } from "./inbound-body.ts";
import { translateCommand } from "./inbound-command.ts";
import {
  type InboundContext,
  ignored,
  isOwn,
  malformed,
  type RelatedEvent,
  type Translation,
} from "./inbound-context.ts";
import { envelopeBase, senderOf, timeOf } from "./inbound-envelope.ts";
import { asEventId } from "./matrix-ids.ts";
import { asRecord, asString, type Raw } from "./raw.ts";
import { replaces, repliedTo, threadRootOf } from "./relations.ts";

/** Translates `m.room.message` and `m.sticker`, new or edited. */
export function translateMessage(event: Raw, context: InboundContext): Translation {
  const content = asRecord(event["content"]);
  const eventId = asEventId(event["event_id"]);
  const sender = senderOf(context, event);
  if (eventId === undefined || sender === undefined) return malformed("message without an id or a sender");
  if (content === undefined || Object.keys(content).length === 0) return ignored("message that was redacted");
  if (replaces(content) !== undefined) return edited(event, content, eventId, context);
  const msgtype = event["type"] === "m.sticker" ? "m.sticker" : asString(content["msgtype"]);
  if (msgtype === undefined || typeof content["body"] !== "string")
    return malformed("message without a type or a body");
  if (msgtype === "m.key.verification.request") return ignored("key verification request");
  const threadId = threadRootOf(content);
  if (!sender.self) {
    const command = translateCommand({ event, content, eventId, sender, threadId }, context);
    if (command !== undefined) return command;
    const answer = formAnswer(event, content, eventId, context);
    if (answer !== undefined) return answer;
  }
  const { content: blocks, mentions } = readContent(content, msgtype, context);
  const replyTo = repliedTo(content);
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, event, sender, threadId, ["message", eventId]),
      kind: "message_created",
      revision: 0,
      body: {
        messageId: eventId,
        content: blocks,
        mentions,
        ...(replyTo === undefined ? {} : { replyToMessageId: replyTo }),
      },
    },
  };
}

/** Only the sender may replace, only a message, only in the same room, and never an edit. https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events */
function edited(event: Raw, content: Raw, eventId: string, context: InboundContext): Translation {
  const { related } = context;
  const sender = senderOf(context, event);
  const newContent = asRecord(content["m.new_content"]);
  if (sender === undefined || newContent === undefined || typeof newContent["body"] !== "string")
    return malformed("edit without new content");
  if (related === undefined) return ignored("edit of a message that cannot be found");
  const sameType = related.type === event["type"] || related.type === "m.room.encrypted";
  if (related.sender !== sender.id || !sameType || related.isEdit || event["state_key"] !== undefined)
    return ignored("edit that Matrix does not allow");
  const msgtype = event["type"] === "m.sticker" ? "m.sticker" : (asString(newContent["msgtype"]) ?? "m.text");
  const { content: blocks, mentions } = readContent(newContent, msgtype, context);
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, event, sender, related.threadId, ["edit", related.eventId, eventId]),
      kind: "message_edited",
      revision: Math.max(1, timeOf(event, context.nowMs())),
      body: { messageId: related.eventId, content: blocks, mentions },
    },
  };
}

/** The redaction of an edit brings back what the message said before it. */
export function translateTakenBack(event: Raw, edit: RelatedEvent, context: InboundContext): Translation {
  const { restored } = edit;
  const messageId = asEventId(restored?.["event_id"]);
  const content = asRecord(restored?.["content"]);
  const redactionId = asEventId(event["event_id"]);
  const author = senderOf(context, { ...event, sender: edit.sender });
  if (
    messageId === undefined ||
    redactionId === undefined ||
    author === undefined ||
    restored?.["sender"] !== edit.sender
  )
    return ignored("redaction of an edit that changed nothing");
  if (content === undefined || typeof content["body"] !== "string")
    return ignored("redaction of an edit of a message that was redacted");
  const msgtype = restored["type"] === "m.sticker" ? "m.sticker" : (asString(content["msgtype"]) ?? "m.text");
  const { content: blocks, mentions } = readContent(content, msgtype, context);
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, event, author, edit.threadId, ["edit", messageId, redactionId]),
      kind: "message_edited",
      revision: Math.max(1, timeOf(event, context.nowMs())),
      body: { messageId, content: blocks, mentions },
    },
  };
}

/** A reply to a form that an agent asked for, when it names its fields. */
function formAnswer(event: Raw, content: Raw, eventId: string, context: InboundContext): Translation | undefined {
  const { related } = context;
  const sender = senderOf(context, event);
  if (sender === undefined || related?.ask?.kind !== "input" || !isOwn(context, related.sender)) return undefined;
  if (repliedTo(content) !== related.eventId) return undefined;
  const fields = fieldsOfWords(related.ask, plainBody(content));
  if (fields === undefined) return undefined;
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, event, sender, related.threadId, ["action", eventId]),
      kind: "action_submitted",
      body: { actionId: related.ask.id, messageId: related.eventId, fields },
    },
  };
}
