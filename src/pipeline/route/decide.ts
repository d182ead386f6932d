import { matchesChannel } from "../../access/channel-grant.ts";
import type { AccessDecision } from "../../access/decide-access.ts";
import { EVENT_POLICIES } from "../../access/event-policies.ts";
import type { OrganizationPolicies } from "../../access/policy-book.ts";
import type { TurnReason } from "../../contracts/connector.ts";
import type { Sender } from "../../envelope/conversation.ts";
import type { Envelope, EnvelopeOf, EventKind } from "../../envelope/envelope.ts";
import { agentMay, senderMay } from "../agent-grant.ts";
import type { DirectoryAgent } from "../directory.ts";
import { checkLoop, type LoopFacts, type LoopLimits } from "./loop-guard.ts";

export type RoutableEnvelope =
  | EnvelopeOf<"message_created">
  | EnvelopeOf<"message_edited">
  | EnvelopeOf<"command_invoked">
  | EnvelopeOf<"action_submitted">
  | EnvelopeOf<"schedule_fired">
  | EnvelopeOf<HappeningKind>;

/** What happens in a channel that agents may want to hear of: the kinds that the table of policies calls heard. */
export type HappeningKind = "member_joined" | "channel_created" | "reaction_added";

/** Whether it is something that merely happens: nobody asks for anything by it. */
export function isHappening(envelope: Envelope): envelope is EnvelopeOf<HappeningKind> {
  return EVENT_POLICIES[envelope.kind].routed === "heard";
}

/**
 * What keeps somebody from having their event acted on: the first of what its kind asks that they may not; the last of what they may, where they may all.
 * Undefined where it asks nothing.
 */
export function weighSender(
  { kind, sender }: { readonly kind: EventKind; readonly sender: Sender },
  where: Parameters<typeof senderMay>[2],
  policies: OrganizationPolicies,
): AccessDecision | undefined {
  let last: AccessDecision | undefined;
  for (const action of EVENT_POLICIES[kind].asks) {
    last = senderMay(sender, action, where, policies);
    if (!last.allowed) return last;
  }
  return last;
}

/** Whether an event is one that this agent asked to hear of, by itself and without being named. */
export function hears(envelope: Envelope, agent: DirectoryAgent): boolean {
  const { speaksFirst, on = [] } = agent.definition;
  return isHappening(envelope) && speaksFirst && on.includes(envelope.kind);
}

/** What routing knows besides the envelope itself. */
export interface RouteFacts {
  readonly text: string;
  /** It is a decision that was made already, by facts of that moment. */
  readonly decided: boolean;
  readonly policies: OrganizationPolicies;
  readonly archived: boolean;
  /** A person has the conversation to themselves. */
  readonly takenOver: boolean;
  readonly identityInChannel: boolean;
  /** Agents that have had a turn in this thread. */
  readonly participants: ReadonlySet<string>;
  /** The agent whose message is replied to or acted on. */
  readonly targetAgent: string | undefined;
  /** The agent that answers where nobody is named: in direct messages and to the bare bot mention. */
  readonly defaultAgent: string | undefined;
  readonly loop: (agentId: string) => LoopFacts;
  /** Whether an agent has an open turn here. Default: none has. */
  readonly atWork?: (agentId: string) => boolean;
  readonly limits: LoopLimits;
}

export interface Decision {
  readonly agentId: string;
  readonly verdict: "turn" | "no";
  /** The rule that decided, such as `mention` or `not_addressed`. */
  readonly rule: string;
  /** Why it is asked: of a turn, and of an agent that would have one if it were not paused. */
  readonly reason?: TurnReason;
}

/** Decides for one event and one agent whether it gets a turn, always with the rule; pure, and the only place that decides it. */
export function decide(envelope: RoutableEnvelope, agent: DirectoryAgent, facts: RouteFacts): Decision {
  const no = (rule: string): Decision => ({ agentId: agent.agentId, verdict: "no", rule });
  if (envelope.sender.agent === agent.handle || envelope.sender.id === agent.agentId) return no("own_message");
  if (facts.takenOver) return no("taken_over");
  const where = { installationId: envelope.installationId, path: envelope.conversation };
  const post = agentMay(agent, "post", where, facts.policies, facts);
  if (!post.allowed) return no(post.rule);
  const reason = addressedBy(envelope, agent, facts);
  if (reason === undefined) return no("not_addressed");
  if (isHappening(envelope))
    return agent.status === "paused" ? no("agent_paused") : hearing(envelope, agent, facts, reason, where);
  const start = weighSender(envelope, where, facts.policies);
  if (start === undefined) return no("asks_for_nothing");
  if (!facts.decided && !start.allowed) return no(`sender_${start.rule}`);
  if (fromMachine(envelope) && !MACHINE_REASONS.has(reason)) return no("machines_only_by_mention");
  if (agent.status === "paused") return { ...no("agent_paused"), reason };
  const broken = checkLoop(facts.loop(agent.agentId), facts.limits);
  if (broken !== undefined) return no(broken);
  return { agentId: agent.agentId, verdict: "turn", rule: reason, reason };
}

/**
 * Nobody asked, so the turn has nobody's rights but the agent's own. A reaction is somebody's doing all the same: who may not start an agent by words
 * does not by one. What machines do gives nobody a turn, and one turn at a time is enough.
 */
function hearing(
  envelope: EnvelopeOf<HappeningKind>,
  agent: DirectoryAgent,
  facts: RouteFacts,
  reason: TurnReason,
  where: Parameters<typeof senderMay>[2],
): Decision {
  const no = (rule: string): Decision => ({ agentId: agent.agentId, verdict: "no", rule });
  if (fromMachine(envelope)) return no("machines_only_by_mention");
  const start = weighSender(envelope, where, facts.policies);
  if (start?.allowed === false) return no(`sender_${start.rule}`);
  if (facts.atWork?.(agent.agentId) === true) return no("already_at_work");
  const broken = checkLoop(facts.loop(agent.agentId), facts.limits);
  return broken === undefined ? { agentId: agent.agentId, verdict: "turn", rule: reason, reason } : no(broken);
}

/** Agents and bots trigger an agent only by naming it: everything looser is how loops begin. */
const MACHINE_REASONS: ReadonlySet<TurnReason> = new Set(["mention", "command", "handoff"]);

export function fromMachine(envelope: { readonly sender: { readonly kind: string } }): boolean {
  return envelope.sender.kind === "agent" || envelope.sender.kind === "bot";
}

function addressedBy(envelope: RoutableEnvelope, agent: DirectoryAgent, facts: RouteFacts): TurnReason | undefined {
  if (isHappening(envelope)) return hears(envelope, agent) ? "subscription" : undefined;
  if (envelope.kind === "schedule_fired")
    return envelope.body.agentId === agent.agentId && agent.definition.speaksFirst ? "schedule" : undefined;
  if (envelope.kind === "action_submitted") return facts.targetAgent === agent.agentId ? "action" : undefined;
  const { mentions } = envelope.body;
  const named = mentions.agents.includes(agent.handle) || mentions.agents.includes(agent.agentId);
  if (envelope.kind === "command_invoked")
    return named || (mentions.agents.length === 0 && facts.defaultAgent === agent.agentId) ? "command" : undefined;
  if (named) return "mention";
  if (mentions.agents.length > 0) return undefined;
  if (facts.targetAgent === agent.agentId) return "reply_to_agent";
  if (facts.targetAgent !== undefined) return undefined;
  if (mentions.bot && facts.participants.size === 0)
    return facts.defaultAgent === agent.agentId ? "mention" : undefined;
  const { channel } = envelope.conversation;
  // In a room with people, being its only agent is no reason to answer all that is said.
  if (channel.kind === "direct" && channel.agents?.length === 1) return "direct_message";
  if (channel.kind === "direct" && facts.participants.size === 0) {
    return facts.defaultAgent === agent.agentId ? "direct_message" : undefined;
  }
  if (facts.participants.has(agent.agentId)) return mentions.bot ? "mention" : "thread_participant";
  return subscribed(envelope, agent, facts.text) ? "subscription" : undefined;
}

/** Longest text a subscription's pattern is run on; bounds what a slow pattern can cost. */
const MAX_MATCHED_CHARS = 2_000;

function subscribed(envelope: Pick<RoutableEnvelope, "conversation">, agent: DirectoryAgent, text: string): boolean {
  const { channel } = envelope.conversation;
  const place = { channelId: channel.id, channelName: channel.name };
  return agent.subscriptions.some(
    (subscription) =>
      subscription.channels.some((pattern) => matchesChannel(pattern, place)) &&
      subscription.expression.test(text.slice(0, MAX_MATCHED_CHARS)),
  );
}
