import type { TranscriptMessage } from "../../contracts/connector.ts";
import { type ContentBlock, contentToText } from "../../envelope/content.ts";
import type { Sender } from "../../envelope/conversation.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { TranscriptRow } from "../../ledger/transcript-windows.ts";
import type { TranscriptEntry } from "./transcripts.ts";

/** The messages before the trigger, oldest first and each once, at most `limit`. Pure. */
export function toTranscript(
  entries: readonly TranscriptEntry[],
  triggerMessageId: string | undefined,
  limit: number,
  before: string,
): TranscriptMessage[] {
  const seen = new Set<string>(triggerMessageId === undefined ? [] : [triggerMessageId]);
  const messages: TranscriptMessage[] = [];
  for (const { platformOrder, message } of entries) {
    if (seen.has(message.messageId) || platformOrder > before) continue;
    seen.add(message.messageId);
    messages.push(message);
  }
  return limit === 0 ? [] : messages.slice(-limit);
}

/** Frozen, for turns of several agents share it. */
export function fromRow(row: TranscriptRow): TranscriptMessage {
  const content = row.content as ContentBlock[]; // written from a validated envelope or delivery
  return Object.freeze({
    messageId: row.message_id,
    conversationId: row.conversation_id,
    sender: Object.freeze(toSender(row.sender as Sender)), // written from a validated envelope or delivery
    content,
    text: contentToText(content),
    occurredAt: new Date(row.occurred_at).toISOString(),
    edited: row.revision > 0,
  });
}

function toSender(sender: Sender): TranscriptMessage["sender"] {
  return {
    id: sender.id,
    kind: sender.kind,
    name: sender.name ?? sender.id,
    ...(sender.agent === undefined ? {} : { agent: sender.agent }),
  };
}

/** The event that a turn answers, as a message; commands and actions become the words they stand for. Pure. */
export function toTrigger(
  envelope: Envelope,
  conversationId: string,
  current: readonly ContentBlock[] | undefined,
): TranscriptMessage {
  const content = current ?? contentOf(envelope);
  return {
    messageId:
      "messageId" in envelope.body && envelope.body.messageId !== undefined
        ? envelope.body.messageId
        : envelope.dedupeKey,
    conversationId,
    sender: toSender(envelope.sender),
    content,
    text: contentToText(content),
    occurredAt: envelope.occurredAt,
    edited: envelope.kind === "message_edited" || envelope.revision > 0,
    ...actionOf(envelope),
  };
}

/** An agent that asked several questions must know which one was answered. */
function actionOf(envelope: Envelope): Pick<TranscriptMessage, "action"> {
  if (envelope.kind !== "action_submitted") return {};
  const { actionId, value, fields } = envelope.body;
  return { action: { actionId, ...(value === undefined ? {} : { value }), fields } };
}

function contentOf(envelope: Envelope): ContentBlock[] {
  switch (envelope.kind) {
    case "message_created":
    case "message_edited":
      return envelope.body.content;
    case "command_invoked":
      return [
        {
          type: "text",
          markdown:
            envelope.body.command === "ask"
              ? envelope.body.text
              : `/${envelope.body.command} ${envelope.body.text}`.trim(),
        },
      ];
    case "action_submitted": {
      const fields = Object.entries(envelope.body.fields).map(([name, value]) => `${name}: ${value}`);
      return [
        { type: "text", markdown: [`Chose ${envelope.body.value ?? envelope.body.actionId}`, ...fields].join("\n") },
      ];
    }
    case "schedule_fired":
      return [{ type: "text", markdown: envelope.body.task }];
    case "member_joined":
      return [{ type: "text", markdown: `${envelope.body.memberName ?? envelope.body.memberId} joined` }];
    case "channel_created":
      return [{ type: "text", markdown: `The channel ${envelope.body.name} was created` }];
    case "reaction_added":
      return [
        {
          type: "text",
          markdown: `${envelope.sender.name ?? envelope.sender.id} reacted with ${envelope.body.reaction}`,
        },
      ];
    default:
      return [];
  }
}
