import { z } from "zod";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import { type ConversationPath, conversationKey } from "../../envelope/conversation.ts";
import { wireKey } from "../../envelope/ids.ts";
import { TextPart } from "../../envelope/reply.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { ensureConversation } from "../../ledger/replay.ts";
import { conversationIdOf } from "../../ledger/row-ids.ts";
import { findMessage } from "../../ledger/turn-writes.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolSpec } from "./tool-spec.ts";
import { postAnswer, type TurnWriter } from "./turn-writer.ts";

/** The agent's own id of a call: the same id is carried out once in a turn, however often it is sent. */
export const CallId = wireKey(128).optional();

const Text = TextPart.shape.markdown.pipe(z.string().trim().min(1).max(40_000));
const PostInput = z.strictObject({ text: Text, callId: CallId });
const ReplyInput = z.strictObject({ message: wireKey(512), text: Text, callId: CallId });

/** Longest beginning of a message that stands for it where the platform links no answers. */
const MAX_QUOTE_CHARS = 120;

/** Posts of a running turn beside its reply, in its own conversation and in no other. */
export function postTools(
  ports: { readonly database: Database; readonly adapter: (platform: string) => ChatAdapter },
  turn: RunnableTurn,
  writer: TurnWriter,
): readonly ToolSpec[] {
  return [
    {
      name: "post",
      description:
        "Posts a message in this conversation now, beside the reply that you give at the end. Markdown. Names of other agents in it start nothing: use `ask`.",
      input: PostInput,
      effect: "write",
      needs: "post",
      async execute(input, call) {
        const { text } = PostInput.parse(input);
        const silence = await writer.silence("post");
        if (silence !== undefined) return silence;
        const posted = await writer.post("post", call, {
          conversationId: turn.replyConversationId,
          path: turn.replyPath,
          parts: [{ type: "text", markdown: text }],
        });
        return "error" in posted ? posted : postAnswer(posted);
      },
    },
    {
      name: "reply_to",
      description:
        "Answers one message of this conversation, by its id, in the way of the platform: in its thread where there are threads, else below its beginning.",
      input: ReplyInput,
      effect: "write",
      needs: "post",
      async execute(input, call) {
        const { message: messageId, text } = ReplyInput.parse(input);
        const silence = await writer.silence("reply_to");
        if (silence !== undefined) return silence;
        const own = [turn.conversationId, turn.replyConversationId];
        const message = await findMessage(ports.database, messageId, own);
        if (message === undefined) return toolError("there is no such message in this conversation");
        const threaded = threadUnder(messageId);
        if (threaded === undefined) {
          const native = ports.adapter(turn.platform).limits.nativeReplies === true;
          const words = native ? text : `${quoteOf(message.sender_name, message.text)}\n\n${text}`;
          const posted = await writer.post("reply_to", call, {
            conversationId: turn.replyConversationId,
            path: turn.replyPath,
            parts: [{ type: "text", markdown: words }],
            ...(native ? { replyTo: messageId } : {}),
          });
          return "error" in posted ? posted : postAnswer(posted);
        }
        const conversationId = conversationIdOf(
          conversationKey(turn.installationId, threaded.channel.id, threaded.thread?.id),
        );
        const posted = await writer.post("reply_to", call, {
          conversationId,
          path: threaded,
          parts: [{ type: "text", markdown: text }],
          prepare: (tx) =>
            ensureConversation(tx, {
              id: conversationId,
              organizationId: turn.organizationId,
              installationId: turn.installationId,
              platform: turn.platform,
              channelId: threaded.channel.id,
              threadId: threaded.thread?.id ?? null,
              path: threaded,
            }),
        });
        return "error" in posted ? posted : postAnswer(posted);
      },
    },
  ];

  /** The thread under a message, where answers on this platform go into one and it is in none yet. */
  function threadUnder(messageId: string): ConversationPath | undefined {
    const { conversation } = turn.envelope;
    const direct = conversation.channel.kind === "direct" || conversation.channel.kind === "group_direct";
    if (conversation.thread !== undefined || direct) return undefined;
    return ports.adapter(turn.platform).limits.answersInThread === true
      ? { ...conversation, thread: { id: messageId } }
      : undefined;
  }
}

/** The first words of a message as a quotation of one line, without what would be markup. */
function quoteOf(name: string, text: string): string {
  const line = text
    .replaceAll(/\s+/gu, " ")
    .replaceAll(/[`*_~[\]<>|\\]/gu, "")
    .trim();
  const short = line.length > MAX_QUOTE_CHARS ? `${line.slice(0, MAX_QUOTE_CHARS).toWellFormed()}…` : line;
  return `> ${name.replaceAll(/[`*_~[\]<>|\\\r\n]/gu, "").slice(0, 80)}: ${short}`;
}
