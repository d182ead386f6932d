import type { OrganizationPolicies } from "../../access/policy-book.ts";
import type { ConversationPath, Sender } from "../../envelope/conversation.ts";
import { agentMay, grantIn, senderMay } from "../agent-grant.ts";
import type { DirectoryAgent } from "../directory.ts";

/** Somebody in a conversation. */
export interface PersonThere {
  readonly sender: Sender;
  readonly installationId: string;
  readonly conversation: ConversationPath;
}

/** The agents that somebody could ask where they are; nobody who may start none there is told of any. Pure. */
export function agentsToAsk(
  { sender, installationId, conversation: path }: PersonThere,
  agents: readonly DirectoryAgent[],
  policies: OrganizationPolicies,
): readonly DirectoryAgent[] {
  const where = { installationId, path };
  if (!senderMay(sender, "start_agent", where, policies).allowed) return [];
  return agents.filter((agent) => agent.status === "active" && agentMay(agent, "post", where, policies).allowed);
}

/** The agents that are not where somebody is, and that they could invite. Pure. */
export function agentsToInvite(
  { sender, installationId, conversation: path }: PersonThere,
  agents: readonly DirectoryAgent[],
  policies: OrganizationPolicies,
): readonly DirectoryAgent[] {
  if (!senderMay(sender, "invite_agent", { installationId, path }, policies).allowed) return [];
  const channel = { ...path.channel, installationId };
  return agents.filter((agent) => agent.status === "active" && !grantIn(agent, channel, policies).member);
}
