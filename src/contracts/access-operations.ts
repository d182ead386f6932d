import type { AccessAction, AccessLevel, AccessRole, NarrowerSourcePolicy, SUBJECT_KINDS } from "./access.ts";
import type { AccessChannelInput, AccessConfig, AccessRoleInput, AccessRuleInput } from "./access-config.ts";
import type { JsonValue } from "./json.ts";

/** What operators can ask and change about access; every change is audited in its own transaction. */
export interface AccessOperations {
  show(organizationId: string): Promise<AccessView>;
  /** Adds one line per action; a line that stands already is kept. Throws NOT_FOUND for an unknown place, REQUEST_INVALID. */
  addRule(organizationId: string, input: AccessRuleInput, by: string): Promise<readonly RuleView[]>;
  /** Throws NOT_FOUND, and CONFLICT for a line of the configuration file. */
  removeRule(organizationId: string, id: string, by: string): Promise<void>;
  assignRole(organizationId: string, input: AccessRoleInput, by: string): Promise<RoleView>;
  removeRole(organizationId: string, id: string, by: string): Promise<void>;
  setChannel(organizationId: string, input: AccessChannelInput, by: string): Promise<ChannelView>;
  /** Invites an agent for the operator: the invitation stands until somebody ends it. Throws NOT_FOUND, CONFLICT, PERMISSION_DENIED. */
  invite(organizationId: string, input: InviteInput, by: string): Promise<InvitationView>;
  /** Throws NOT_FOUND where there is none, CONFLICT where the agent's definition names the channel. */
  uninvite(organizationId: string, input: InviteInput, by: string): Promise<void>;
  /** What a configuration would change, in people and channels; writes nothing. */
  plan(organizationId: string, input: PlannedConfig): Promise<AccessPlan>;
  /** Writes what the plan with that fingerprint showed. Throws CONFLICT when the plan would be another now, unless `force`. */
  apply(
    organizationId: string,
    input: PlannedConfig,
    accepted: { readonly fingerprint?: string | undefined; readonly force: boolean },
    by: string,
  ): Promise<AccessPlan>;
}

export interface InviteInput {
  readonly agent: string;
  /** `platform:channel`, such as `slack:general`. */
  readonly channel: string;
}

/** The part of a configuration that decides about access. */
export interface PlannedConfig {
  readonly access: AccessConfig;
  /** The channel patterns of the configuration's agents, which are its invitations; undefined leaves the agents as they are. */
  readonly agents?: readonly PlannedAgent[] | undefined;
}

export interface PlannedAgent {
  readonly handle: string;
  readonly channels: readonly string[];
  /** As `laterSettings` gives them, so that the plan can name what it does not cover; undefined says nothing about them. */
  readonly later?: Readonly<Record<string, JsonValue>> | undefined;
}

export interface AccessView {
  readonly rules: readonly RuleView[];
  readonly roles: readonly RoleView[];
  readonly invitations: readonly InvitationView[];
  readonly channels: readonly ChannelView[];
}

/** A place with a name for people. */
export interface PlaceView {
  readonly level: AccessLevel;
  readonly installationId: string;
  readonly placeId: string;
  /** Such as `slack:general`, or the id where no name is known. */
  readonly label: string;
}

export interface RuleView {
  readonly id: string;
  readonly at: PlaceView;
  readonly subjectKind: (typeof SUBJECT_KINDS)[number];
  readonly subject: string;
  readonly action: AccessAction;
  readonly effect: "allow" | "deny";
  readonly source: "config" | "operator";
}

export interface RoleView {
  readonly id: string;
  readonly at: PlaceView;
  readonly personId: string;
  readonly personName?: string;
  readonly role: AccessRole;
  readonly source: "config" | "operator";
}

export interface InvitationView {
  readonly id: string;
  readonly agent: string;
  readonly at: PlaceView;
  readonly inviterKind: "person" | "operator";
  readonly inviterId: string;
  readonly inviterName?: string;
  readonly since: string;
}

export interface ChannelView {
  readonly at: PlaceView;
  readonly onNarrowerSource: NarrowerSourcePolicy;
  readonly source: "config" | "operator";
}

/** A change of configuration as a difference in lists, and in people and channels. */
export interface AccessPlan {
  /** Names this plan: equal for equal changes with equal effects on equal policies alone. */
  readonly fingerprint: string;
  readonly changes: readonly PlanChange[];
  readonly effects: readonly PlanEffect[];
  /** Places that are not known, agents that do not run yet: what the plan could not take into account. */
  readonly notes: readonly string[];
}

/** A line of a list that would be added or removed. */
export interface PlanChange {
  readonly change: "add" | "remove";
  readonly what: "rule" | "role" | "channel_policy" | "agent_channels";
  readonly text: string;
}

/** What some people, or an agent, could do in one channel afterwards and not before, or the other way round. */
export interface PlanEffect {
  readonly change: "gain" | "lose";
  /** `take_part`: the agent is in the channel; `reach_agent`: people may start it there. */
  readonly what: AccessAction | "take_part" | "reach_agent";
  readonly at: PlaceView;
  /** The agent that is reached, or that gains or loses; undefined where people gain or lose something else. */
  readonly agent?: string;
  /** People concerned; undefined where it is the agent itself. */
  readonly people?: number;
  /** Ids of some of them, at most ten. */
  readonly examples?: readonly string[];
}
