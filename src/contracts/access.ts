/** What somebody may be allowed or denied in a place of the permission tree. */
export const ACCESS_ACTIONS = [
  "read_history",
  "read_roster",
  "post",
  "react",
  "mention_everyone",
  "edit_document",
  "approve",
  "invite_agent",
  "start_agent",
] as const;
export type AccessAction = (typeof ACCESS_ACTIONS)[number];

/** The permission tree from the outside in. */
export const ACCESS_LEVELS = ["organization", "space", "category", "channel", "thread"] as const;
export type AccessLevel = (typeof ACCESS_LEVELS)[number];

export const ACCESS_ROLES = ["owner", "admin", "member", "guest", "auditor"] as const;
export type AccessRole = (typeof ACCESS_ROLES)[number];

/** What the platform says somebody is in a channel. */
export const MEMBER_CLASSES = ["member", "admin", "guest", "external", "agent", "bot"] as const;
export type MemberClass = (typeof MEMBER_CLASSES)[number];
/** What is known of somebody's class; where it is not, they may do what every class may, and no more. */
export type KnownClass = MemberClass | "unknown";

export const SUBJECT_KINDS = ["everyone", "class", "role", "person", "agent"] as const;

/** What a channel does with a reply whose sources not all of its readers may read. */
export const NARROWER_SOURCE_POLICIES = ["withhold", "asker", "approve"] as const;
export type NarrowerSourcePolicy = (typeof NARROWER_SOURCE_POLICIES)[number];

/** One place of the tree. The organization has neither installation nor id. */
export interface AccessPlace {
  readonly level: AccessLevel;
  /** Empty at the level of the organization. */
  readonly installationId: string;
  /** The platform's id of the place; empty at the level of the organization. */
  readonly placeId: string;
}

/** One line of an access list. It holds in its place and everywhere below it. */
export interface AccessRule extends AccessPlace {
  readonly id: string;
  readonly subjectKind: (typeof SUBJECT_KINDS)[number];
  /** A class, a role, a person's platform id or an agent's handle; empty for everyone. */
  readonly subject: string;
  readonly action: AccessAction;
  readonly effect: "allow" | "deny";
  readonly source: "config" | "operator";
}

/** A role given to a person at a place, beside what the platform says of them. */
export interface RoleAssignment extends AccessPlace {
  readonly id: string;
  readonly personId: string;
  readonly role: AccessRole;
  readonly source: "config" | "operator";
}

/** A standing invitation of an agent into a channel. */
export interface AgentInvitation {
  readonly id: string;
  readonly installationId: string;
  readonly channelId: string;
  readonly agentId: string;
  readonly inviterKind: "person" | "operator";
  readonly inviterId: string;
}
