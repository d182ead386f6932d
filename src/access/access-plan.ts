import {
  ACCESS_ACTIONS,
  type AccessAction,
  type AccessPlace,
  type AccessRule,
  type AgentInvitation,
  type KnownClass,
  type RoleAssignment,
} from "../contracts/access.ts";
import { decideChannelGrant } from "./channel-grant.ts";
import { decideAccess } from "./decide-access.ts";

/** A channel with what it lies in and the people who are in it, as the mirror has them. */
export interface PlanChannel {
  readonly installationId: string;
  readonly channelId: string;
  readonly name: string | undefined;
  readonly kind: "public" | "private" | "direct" | "group_direct";
  readonly archived: boolean;
  readonly identityInChannel: boolean | undefined;
  readonly spaceId: string | undefined;
  readonly categoryId: string | undefined;
  readonly members: readonly { readonly id: string; readonly memberClass: KnownClass }[];
}

export interface PlanAgent {
  readonly agentId: string;
  readonly handle: string;
  readonly channels: readonly string[];
  readonly stopped: boolean;
}

/** What is decided about access on one side of a change. */
export interface PlanPolicies {
  readonly organizationStopped: boolean;
  readonly rules: readonly AccessRule[];
  readonly roles: readonly RoleAssignment[];
  readonly invitations: readonly AgentInvitation[];
  readonly agents: readonly PlanAgent[];
}

/** A difference in one channel. */
export interface PlanDifference {
  readonly change: "gain" | "lose";
  /** `take_part`: the agent is in the channel; `reach_agent`: people may start it there. */
  readonly what: AccessAction | "take_part" | "reach_agent";
  readonly channel: PlanChannel;
  readonly agent: string | undefined;
  /** Ids of the people concerned, sorted; undefined where it is the agent itself. */
  readonly people: readonly string[] | undefined;
}

/** What people and agents could do after a change and not before, or the other way round, channel by channel; pure, and asks the one decision function. */
export function planDifferences(
  channels: readonly PlanChannel[],
  before: PlanPolicies,
  after: PlanPolicies,
): readonly PlanDifference[] {
  const one = indexOf(before);
  const other = indexOf(after);
  const moved = movedAgents(before.agents, after.agents);
  return channels.flatMap((channel) => {
    const path = pathOf(channel);
    // Most channels are not touched by a change, and an organization has many.
    const touched =
      before.organizationStopped !== after.organizationStopped ||
      path.some((place) => one.digestAt(place) !== other.digestAt(place)) ||
      moved.some((agentId) => one.takesPart(channel, agentId) !== other.takesPart(channel, agentId));
    return touched ? differencesIn(channel, viewOf(channel, path, one), viewOf(channel, path, other)) : [];
  });
}

/** Who can do what in one channel on one side. */
interface ChannelView {
  readonly people: ReadonlyMap<AccessAction, ReadonlySet<string>>;
  readonly agents: ReadonlyMap<string, ReadonlySet<AccessAction> | undefined>;
}

function differencesIn(channel: PlanChannel, before: ChannelView, after: ChannelView): PlanDifference[] {
  const found: PlanDifference[] = [];
  const add = (
    change: "gain" | "lose",
    what: PlanDifference["what"],
    agent: string | undefined,
    people: readonly string[] | undefined,
  ): void => void (people?.length !== 0 && found.push({ change, what, channel, agent, people }));
  const both = (
    what: PlanDifference["what"],
    agent: string | undefined,
    old: ReadonlySet<string>,
    now: ReadonlySet<string>,
  ) => {
    add("gain", what, agent, [...now].filter((id) => !old.has(id)).toSorted());
    add("lose", what, agent, [...old].filter((id) => !now.has(id)).toSorted());
  };
  const none: ReadonlySet<string> = new Set();
  for (const action of ACCESS_ACTIONS)
    both(action, undefined, before.people.get(action) ?? none, after.people.get(action) ?? none);
  for (const handle of [...new Set([...before.agents.keys(), ...after.agents.keys()])].toSorted()) {
    const old = before.agents.get(handle);
    const now = after.agents.get(handle);
    if (old === undefined && now !== undefined) add("gain", "take_part", handle, undefined);
    if (old !== undefined && now === undefined) add("lose", "take_part", handle, undefined);
    if (old !== undefined && now !== undefined) {
      for (const action of ACCESS_ACTIONS) {
        if (!old.has(action) && now.has(action)) add("gain", action, handle, undefined);
        if (old.has(action) && !now.has(action)) add("lose", action, handle, undefined);
      }
    }
    const reachOf = (view: ChannelView, may: ReadonlySet<AccessAction> | undefined): ReadonlySet<string> =>
      may?.has("post") === true ? (view.people.get("start_agent") ?? none) : none;
    both("reach_agent", handle, reachOf(before, old), reachOf(after, now));
  }
  return found;
}

function viewOf(channel: PlanChannel, path: readonly AccessPlace[], side: PolicyIndex): ChannelView {
  const rules = path.flatMap((place) => side.rulesAt(place));
  const facts = {
    organizationStopped: side.policies.organizationStopped,
    archived: channel.archived,
    identityInChannel: channel.identityInChannel,
    membership: "in",
    ageMs: 0,
    maxAgeMs: undefined,
    rules,
  } as const;
  const people = new Map<AccessAction, Set<string>>(ACCESS_ACTIONS.map((action) => [action, new Set<string>()]));
  for (const members of groupsOf(channel, path, side, rules)) {
    const [first] = members;
    if (first === undefined) continue;
    const kind = first.memberClass === "bot" || first.memberClass === "agent" ? "bot" : "person";
    const who = { kind, id: first.id, memberClass: first.memberClass, roles: side.rolesOf(first.id, path) } as const;
    for (const action of ACCESS_ACTIONS) {
      if (
        kind === "person" &&
        decideAccess({ who, action, where: path, facts: { ...facts, agent: undefined } }).allowed
      )
        for (const member of members) people.get(action)?.add(member.id);
    }
  }
  const agents = new Map<string, ReadonlySet<AccessAction> | undefined>();
  for (const agent of side.policies.agents) {
    const invited = side.takesPart(channel, agent.agentId);
    const grant = { invited, rule: "agent_not_in_channel", stopped: agent.stopped };
    const who = { kind: "agent", id: agent.handle, memberClass: "agent", roles: [] } as const;
    const may = ACCESS_ACTIONS.filter(
      (action) => decideAccess({ who, action, where: path, facts: { ...facts, agent: grant } }).allowed,
    );
    agents.set(agent.handle, invited ? new Set(may) : undefined);
  }
  return { people, agents };
}

/** Members about whom every decision is the same: of one class, with no role and no rule of their own; all others by themselves. */
function groupsOf(
  channel: PlanChannel,
  path: readonly AccessPlace[],
  side: PolicyIndex,
  rules: readonly AccessRule[],
): readonly (readonly PlanChannel["members"][number][])[] {
  const named = new Set(rules.filter((rule) => rule.subjectKind === "person").map((rule) => rule.subject));
  const single = (id: string): boolean => named.has(id) || side.rolesOf(id, path).length > 0;
  const groups = Map.groupBy(channel.members, (member) =>
    single(member.id) ? `person ${member.id}` : member.memberClass,
  );
  return [...groups.values()];
}

interface PolicyIndex {
  readonly policies: PlanPolicies;
  rulesAt(place: AccessPlace): readonly AccessRule[];
  rolesOf(personId: string, path: readonly AccessPlace[]): readonly RoleAssignment["role"][];
  /** Equal where rules and roles of a place are the same. */
  digestAt(place: AccessPlace): string;
  takesPart(channel: PlanChannel, agentId: string): boolean;
}

function indexOf(policies: PlanPolicies): PolicyIndex {
  const rules = Map.groupBy(policies.rules, placeKey);
  const roles = Map.groupBy(policies.roles, placeKey);
  const agents = new Map(policies.agents.map((agent) => [agent.agentId, agent]));
  const invited = new Set(
    policies.invitations.map((row) => JSON.stringify([row.installationId, row.channelId, row.agentId])),
  );
  return {
    policies,
    rulesAt: (place) => rules.get(placeKey(place)) ?? [],
    rolesOf: (personId, path) =>
      path.flatMap((place) =>
        (roles.get(placeKey(place)) ?? []).filter((role) => role.personId === personId).map(({ role }) => role),
      ),
    digestAt: (place) =>
      JSON.stringify([
        (rules.get(placeKey(place)) ?? [])
          .map((rule) => JSON.stringify([rule.subjectKind, rule.subject, rule.action, rule.effect]))
          .toSorted(),
        (roles.get(placeKey(place)) ?? []).map(({ personId, role }) => JSON.stringify([personId, role])).toSorted(),
      ]),
    takesPart(channel, agentId) {
      const agent = agents.get(agentId);
      if (agent === undefined) return false;
      return decideChannelGrant({
        agentHandle: agent.handle,
        agentChannels: agent.channels,
        channelId: channel.channelId,
        channelName: channel.name,
        channelKind: channel.kind,
        channelAgents: undefined,
        archived: channel.archived,
        identityInChannel: channel.identityInChannel ?? true,
        invited: invited.has(JSON.stringify([channel.installationId, channel.channelId, agentId])),
      }).member;
    },
  };
}

/** Agents that are not the same on both sides. */
function movedAgents(before: readonly PlanAgent[], after: readonly PlanAgent[]): readonly string[] {
  const digest = (agent: PlanAgent | undefined): string =>
    JSON.stringify([agent?.handle, agent?.channels, agent?.stopped]);
  const old = new Map(before.map((agent) => [agent.agentId, agent]));
  const now = new Map(after.map((agent) => [agent.agentId, agent]));
  return [...new Set([...old.keys(), ...now.keys()])].filter((id) => digest(old.get(id)) !== digest(now.get(id)));
}

function pathOf(channel: PlanChannel): readonly AccessPlace[] {
  const { installationId } = channel;
  const at = (level: AccessPlace["level"], placeId: string | undefined): AccessPlace[] =>
    placeId === undefined ? [] : [{ level, installationId, placeId }];
  return [
    { level: "organization", installationId: "", placeId: "" },
    ...at("space", channel.spaceId),
    ...at("category", channel.categoryId),
    ...at("channel", channel.channelId),
  ];
}

function placeKey(place: AccessPlace): string {
  return JSON.stringify([place.level, place.installationId, place.placeId]);
}
