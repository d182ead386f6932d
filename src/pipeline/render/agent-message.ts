import { randomBytes } from "node:crypto";
import { conversationKey } from "../../envelope/conversation.ts";
import { ENVELOPE_VERSION, type EnvelopeInput } from "../../envelope/envelope.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";

/**
 * The event that what an agent says in its turn is for other agents of the conversation, one hop further from the person who began it.
 *
 * `agents` are the handles of those it is for.
 */
export function agentMessage(
  turn: RunnableTurn,
  said: {
    readonly agents: readonly string[];
    readonly text: string;
    readonly messageId: string;
    readonly platformOrder: string;
    readonly dedupeKey: string;
  },
): EnvelopeInput {
  const { identity } = turn.agent;
  return {
    version: ENVELOPE_VERSION,
    kind: "message_created",
    organizationId: turn.organizationId,
    installationId: turn.installationId,
    platform: turn.platform,
    conversation: turn.replyPath,
    sender: { id: identity.agentId, kind: "agent", name: identity.name, agent: identity.handle },
    occurredAt: new Date().toISOString(),
    platformOrder: said.platformOrder,
    dedupeKey: said.dedupeKey,
    orderingKey: conversationKey(turn.installationId, turn.replyPath.channel.id, turn.replyPath.thread?.id),
    cause: { turnId: turn.turnId, rootEventId: turn.rootEventId, hopCount: turn.hopCount + 1 },
    traceId: turn.envelope.traceId ?? randomBytes(16).toString("hex"),
    body: {
      messageId: said.messageId,
      content: [{ type: "text", markdown: said.text }],
      mentions: { people: [], agents: [...said.agents], everyone: false, bot: false },
    },
  };
}
