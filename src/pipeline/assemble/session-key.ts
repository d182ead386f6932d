import { hash } from "node:crypto";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { ParleyError } from "../../errors/parley-error.ts";

/** The one agent and the one conversation that a memory is of. */
export interface SessionPlace {
  readonly organizationId: string;
  readonly agentId: string;
  readonly installationId: string;
  readonly path: ConversationPath;
}

const KEY_DIGITS = 40;

/**
 * Guarantees equal keys for one agent in one conversation, and different keys for any other agent, organization, installation, channel or thread.
 *
 * There is no default: what does not say which agent and conversation it is of throws INVARIANT_BROKEN and gets no memory at all.
 */
export function sessionKeyOf({ organizationId, agentId, installationId, path }: SessionPlace): string {
  const named = [organizationId, agentId, installationId, path.channel.id, path.thread?.id];
  if (named.slice(0, 4).includes("") || path.thread?.id === "")
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a session without an agent or a conversation was asked for" });
  return `s_${hash("sha256", JSON.stringify(named.map((name) => name ?? null))).slice(0, KEY_DIGITS)}`;
}
