import { type ChannelGrant, decideChannelGrant } from "../access/channel-grant.ts";
import { type AccessDecision, decideAccess } from "../access/decide-access.ts";
import type { OrganizationPolicies } from "../access/policy-book.ts";
import type { AccessAction, AccessPlace, KnownClass } from "../contracts/access.ts";
import type { ConversationPath, Sender } from "../envelope/conversation.ts";
import type { DirectoryAgent } from "./directory.ts";

/** What of a channel decides who is in it. */
export interface GrantChannel {
  /** Undefined where the channel's id is unique by itself (web rooms). */
  readonly installationId: string | undefined;
  readonly id: string;
  readonly name?: string | null | undefined;
  readonly kind: ConversationPath["channel"]["kind"];
  readonly agents?: readonly string[] | undefined;
}

/** What is known of the channel's state; default: it stands, with the identity in it. */
export interface ChannelState {
  readonly archived?: boolean;
  readonly identityInChannel?: boolean;
}

/** The places that a conversation lies in, from the outside in. */
export function placesOf(installationId: string, path: ConversationPath): readonly AccessPlace[] {
  return [
    { level: "organization", installationId: "", placeId: "" },
    { level: "space", installationId, placeId: path.space.id },
    ...(path.category === undefined ? [] : [{ level: "category" as const, installationId, placeId: path.category.id }]),
    { level: "channel", installationId, placeId: path.channel.id },
    ...(path.thread === undefined ? [] : [{ level: "thread" as const, installationId, placeId: path.thread.id }]),
  ];
}

/** Whether an agent takes part in a channel: by its definition, by the platform, or because somebody invited it. */
export function grantIn(
  agent: DirectoryAgent,
  channel: GrantChannel,
  policies: OrganizationPolicies,
  state: ChannelState = {},
): ChannelGrant {
  return decideChannelGrant({
    agentHandle: agent.handle,
    agentChannels: agent.definition.channels,
    channelId: channel.id,
    channelName: channel.name ?? undefined,
    channelKind: channel.kind,
    channelAgents: channel.agents,
    archived: state.archived ?? false,
    identityInChannel: state.identityInChannel ?? true,
    invited: policies.isInvited(channel.installationId, channel.id, agent.agentId),
  });
}

/** Whether an agent may do something in a conversation: the one way from an agent and a conversation to the rule. */
export function agentMay(
  agent: DirectoryAgent,
  action: AccessAction,
  where: { readonly installationId: string; readonly path: ConversationPath },
  policies: OrganizationPolicies,
  state: ChannelState = {},
): AccessDecision {
  const { installationId, path } = where;
  const grant = grantIn(agent, { ...path.channel, installationId }, policies, state);
  return decideAccess({
    who: { kind: "agent", id: agent.handle, memberClass: "agent", roles: [] },
    action,
    where: placesOf(installationId, path),
    facts: {
      organizationStopped: policies.stopped,
      archived: state.archived ?? false,
      identityInChannel: state.identityInChannel,
      membership: "in",
      ageMs: 0,
      maxAgeMs: undefined,
      agent: { invited: grant.member, rule: grant.rule, stopped: agent.status === "stopped" },
      rules: policies.rules,
    },
  });
}

/** Whether whoever sent an event may do something where it was said; that they spoke there shows that they are in it. */
export function senderMay(
  sender: Sender,
  action: AccessAction,
  where: { readonly installationId: string; readonly path: ConversationPath },
  policies: OrganizationPolicies,
  memberClass: KnownClass = classOf(sender),
): AccessDecision {
  const places = placesOf(where.installationId, where.path);
  return decideAccess({
    who: {
      kind: sender.kind === "agent" ? "agent" : sender.kind === "bot" ? "bot" : "person",
      id: sender.agent ?? sender.id,
      memberClass,
      roles: policies.rolesOf(sender.id, places),
    },
    action,
    where: places,
    facts: {
      organizationStopped: policies.stopped,
      archived: false,
      identityInChannel: undefined,
      membership: "in",
      ageMs: 0,
      maxAgeMs: undefined,
      agent: undefined,
      rules: policies.rules,
    },
  });
}

/**
 * What whoever sent an event is: the one way to it, for all that is decided about an event. A person is what the platform says, and nothing is
 * guessed; a bot of other people's has no more rights than they.
 */
export function classOf({ kind, memberClass }: Pick<Sender, "kind" | "memberClass">): KnownClass {
  if (kind === "agent") return kind;
  if (kind === "bot") return memberClass === "external" || memberClass === "guest" ? memberClass : kind;
  return memberClass ?? "unknown";
}
