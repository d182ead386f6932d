import type { MemberFacts } from "../../access/member-facts.ts";
import type { OrganizationPolicies } from "../../access/policy-book.ts";
import type { DeadLetterView, ReplayVerdict } from "../../contracts/operations.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { ReplayFacts } from "../../ledger/replay-facts.ts";
import { agentMay, senderMay } from "../agent-grant.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";

export interface WeighPorts {
  readonly directory: Directory;
  readonly policies: OrganizationPolicies;
  readonly facts: MemberFacts;
}

/**
 * Says what replaying a dead letter would do today, and which rule would stop it: the right of then counts for nothing.
 *
 * In this order: the state of the letter, the kill switches, the agent, its right to post there, the question, the person who asked.
 */
export async function weighReplay(
  organizationId: string,
  letter: DeadLetterView,
  facts: ReplayFacts,
  ports: WeighPorts,
): Promise<ReplayVerdict> {
  const agent = facts.agent_id === null ? undefined : ports.directory.get(facts.agent_id);
  const rule = await stoppedBy(organizationId, letter, facts, agent, ports);
  return {
    id: letter.id,
    allowed: rule === undefined,
    rule: rule ?? "replayed_under_todays_rights",
    does: whatItDoes(letter),
    ...(agent === undefined ? {} : { agent: agent.handle }),
    ...(facts.conversation_id === null ? {} : { conversationId: facts.conversation_id }),
  };
}

async function stoppedBy(
  organizationId: string,
  letter: DeadLetterView,
  facts: ReplayFacts,
  agent: DirectoryAgent | undefined,
  { directory, policies, facts: members }: WeighPorts,
): Promise<string | undefined> {
  if (letter.state !== "open") return `already_${letter.state}`;
  if (facts.installation_id === null) return "fits_no_schema";
  if (policies.stopped) return "organization_stopped";
  const where = { installationId: facts.installation_id, path: facts.path as ConversationPath }; // written from a validated envelope
  const state = { archived: facts.archived === true, identityInChannel: facts.self_member !== false };
  if (facts.agent_id !== null) {
    if (agent === undefined || agent.organizationId !== organizationId) return "agent_removed";
    if (agent.status === "paused") return "agent_paused";
    const post = agentMay(agent, "post", where, policies, state);
    if (!post.allowed) return post.rule;
  } else {
    if (state.archived) return "channel_archived";
    if (!state.identityInChannel) return "identity_not_in_channel";
    if (directory.list(organizationId).every((one) => one.status !== "active")) return "no_agent_active";
  }
  if (facts.message_deleted) return "message_deleted";
  const asker = await askerStoppedBy(organizationId, facts, policies, members);
  if (asker !== undefined) return asker;
  if (!facts.is_as_left) return "work_moved_on";
  return facts.is_busy ? "agent_busy_there" : undefined;
}

/** Whoever asked must still be there and may still start an agent; agents and bots are judged by their right alone. */
export async function askerStoppedBy(
  organizationId: string,
  facts: Pick<ReplayFacts, "sender" | "asked_installation_id" | "asked_path">,
  policies: OrganizationPolicies,
  members: MemberFacts,
): Promise<string | undefined> {
  const { sender, asked_installation_id: installationId } = facts;
  if (sender === null || installationId === null) return undefined;
  const path = facts.asked_path as ConversationPath; // written from a validated envelope
  const where = { installationId, path };
  if (sender.kind === "agent" || sender.kind === "bot")
    return denied(senderMay(sender, "start_agent", where, policies));
  const fact = await members.of({ organizationId, installationId, path, personId: sender.id });
  if (fact.membership === "out") return "asker_left";
  if (fact.membership === "unknown") return "asker_unknown";
  return denied(senderMay(sender, "start_agent", where, policies, fact.memberClass));
}

function denied(decision: { readonly allowed: boolean; readonly rule: string }): string | undefined {
  return decision.allowed ? undefined : `sender_${decision.rule}`;
}

function whatItDoes(letter: DeadLetterView): string {
  if (letter.deliveryId !== undefined)
    return "sends the message again under its own key, after looking whether it is there";
  if (letter.turnId !== undefined) return "asks the agent again under the same turn";
  return letter.eventId === undefined ? "nothing: it can only be read" : "routes the event again";
}
