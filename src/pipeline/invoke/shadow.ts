import type { ConversationPath } from "../../envelope/conversation.ts";
import type { RunnableTurn } from "./runnable-turn.ts";

/** Whether what a turn says goes to a review room, and not where it was asked. */
export function isShadowed(turn: Pick<RunnableTurn, "replyPath" | "envelope">): boolean {
  return turn.replyPath.channel.id !== turn.envelope.conversation.channel.id;
}

/** The conversation that a turn takes part in: the one its reply goes to, and for an agent in shadow the one it was asked in. */
export function heardIn(turn: RunnableTurn): { readonly conversationId: string; readonly path: ConversationPath } {
  return isShadowed(turn)
    ? { conversationId: turn.conversationId, path: turn.envelope.conversation }
    : { conversationId: turn.replyConversationId, path: turn.replyPath };
}
