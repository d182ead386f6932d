import type { EnvelopeInput } from "../../envelope/envelope.ts";
import { partToText, type ReplyPart } from "../../envelope/reply.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { agentMessage } from "./agent-message.ts";

/** Code spans and fences: what stands in them is shown, not said. */
const CODE = /(`{3,}|~{3,})[\s\S]*?(?:\1|$)|`[^`\n]+`/g;

/** Handles named with @ in a text outside of code, lower-case, each once. Pure. */
export function mentionedHandles(markdown: string, handles: ReadonlySet<string>): string[] {
  const text = markdown.replace(CODE, " ");
  const found = new Set<string>();
  for (const match of text.matchAll(/(?:^|[^\w@/.])@([a-z][a-z0-9_-]{0,31})/giu)) {
    const handle = match[1]?.toLowerCase();
    if (handle !== undefined && handles.has(handle)) found.add(handle);
  }
  return [...found];
}

/**
 * The event that a reply is for the other agents of the conversation, one hop further from the person who began it.
 *
 * Null when the reply names none of them. The platform's echo of the post is dropped by identity, so this is the only way one
 * agent hears another; it is stored with the delivery.
 */
export function followUpOf(
  turn: RunnableTurn,
  parts: readonly ReplyPart[],
  eventId: string,
  otherHandles: ReadonlySet<string>,
): { id: string; porder: string; envelope: EnvelopeInput } | null {
  if (otherHandles.size === 0) return null;
  const text = parts
    .filter((part) => part.type === "text" || part.type === "handoff")
    .map(partToText)
    .join("\n\n");
  if (text.length === 0) return null;
  const handedOver = parts.flatMap((part) =>
    part.type === "handoff" && otherHandles.has(part.agent) ? [part.agent] : [],
  );
  const agents = [...new Set([...mentionedHandles(text, otherHandles), ...handedOver])];
  // Agents hear each other only by name (see `decide`): what names nobody can start nothing, and need not be routed.
  if (agents.length === 0) return null;
  const envelope = agentMessage(turn, {
    agents,
    text: text.slice(0, 60_000),
    messageId: "pending",
    platformOrder: "0",
    dedupeKey: `turn:${turn.turnId}`,
  });
  return { id: eventId, porder: "0", envelope };
}
