import type { ConversationPath } from "../../envelope/conversation.ts";
import type { DirectoryAgent } from "../directory.ts";
import type { Decision, RoutableEnvelope } from "./decide.ts";
import type { ReviewRooms } from "./review-rooms.ts";

/** What decides where a reply goes, besides the message and the agent. */
export interface ReplyPlaces {
  /** Whether answers to a top-level message go into a thread under it on this platform. */
  readonly answersInThread: (platform: string) => boolean;
  readonly reviewRooms: ReviewRooms;
}

function reviewRoomOf(
  envelope: RoutableEnvelope,
  agent: DirectoryAgent,
  context: ReplyPlaces,
): ConversationPath | undefined {
  return agent.definition.shadow === undefined
    ? undefined
    : context.reviewRooms.of(agent, envelope.installationId, envelope.conversation);
}

/** An agent in shadow says nothing where its review room is not known. */
export function inShadow(
  decision: Decision,
  envelope: RoutableEnvelope,
  agent: DirectoryAgent,
  context: ReplyPlaces,
): Decision {
  if (decision.verdict !== "turn" || agent.definition.shadow === undefined) return decision;
  if (reviewRoomOf(envelope, agent, context) !== undefined) return decision;
  return { agentId: agent.agentId, verdict: "no", rule: "shadow_room_unknown" };
}

/** Where a reply to this event goes, decided here once: the thread it was asked in, a new one under it, or the channel. */
export function replyPathOf(envelope: RoutableEnvelope, agent: DirectoryAgent, context: ReplyPlaces): ConversationPath {
  const { conversation } = envelope;
  const room = reviewRoomOf(envelope, agent, context);
  if (room !== undefined && room.channel.id !== conversation.channel.id) return room;
  const inThread = agent.definition.replyInThread ?? context.answersInThread(envelope.platform);
  const direct = conversation.channel.kind === "direct" || conversation.channel.kind === "group_direct";
  const message =
    envelope.kind === "message_created" || envelope.kind === "message_edited" ? envelope.body.messageId : undefined;
  if (conversation.thread !== undefined || !inThread || direct || message === undefined) return conversation;
  return { ...conversation, thread: { id: message } };
}
