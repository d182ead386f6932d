import type {
  AccessAction,
  AccessLevel,
  AccessPlace,
  AccessRole,
  AccessRule,
  KnownClass,
  MemberClass,
} from "../contracts/access.ts";
import { CLASS_ROLES, ROLE_ACTIONS } from "./roles.ts";

/** Who wants to do something. */
export interface AccessSubject {
  readonly kind: "person" | "agent" | "bot" | "operator";
  /** A person's platform id or an agent's handle. */
  readonly id: string;
  readonly memberClass: KnownClass;
  /** Roles that were given to them here or above. */
  readonly roles: readonly AccessRole[];
}

/** Everything a decision rests on; what is not known is said to be unknown, and denied. */
export interface AccessFacts {
  readonly organizationStopped: boolean;
  readonly archived: boolean;
  /** Whether the identity that carries the agents is in the channel; undefined where the platform has not said that it is not. */
  readonly identityInChannel: boolean | undefined;
  /** Whether the one who acts is in the conversation. */
  readonly membership: "in" | "out" | "unknown";
  /** Age of the membership in ms; 0 for what the event itself shows. */
  readonly ageMs: number;
  /** Oldest membership that may decide, in ms; undefined where the conversation at hand is the only one concerned. */
  readonly maxAgeMs: number | undefined;
  /** Of an agent: whether it was invited, or is stopped or paused; undefined for anybody else. */
  readonly agent: { readonly invited: boolean; readonly rule: string; readonly stopped: boolean } | undefined;
  /** Access lists of the organization; those of other places are left out here. */
  readonly rules: readonly AccessRule[];
}

export interface AccessQuestion {
  readonly who: AccessSubject;
  readonly action: AccessAction;
  /** The place and all that it lies in, from the outside in. */
  readonly where: readonly AccessPlace[];
  readonly facts: AccessFacts;
}

export interface AccessDecision {
  readonly allowed: boolean;
  /** The rule that decided, such as `role_member`, `denied_at_channel` or `membership_unknown`. */
  readonly rule: string;
}

/** What a person can be, where nobody knows which. */
const PERSON_CLASSES: readonly MemberClass[] = ["member", "admin", "guest", "external"];

/** What an archived channel still lets its members do. */
const ALLOWED_IN_ARCHIVE: ReadonlySet<AccessAction> = new Set(["read_history", "read_roster"]);

/**
 * Decides whether somebody may do something somewhere, always with the rule that decided; pure and total, and the only place that decides it.
 *
 * In this order: kill switches, the channel's state, membership, the agent's invitation, access lists (a deny anywhere on the path wins over every
 * allow), then what role and class give by themselves. What is unknown is denied: of somebody whose class is not known, whatever not every class may.
 */
export function decideAccess(question: AccessQuestion): AccessDecision {
  const { who } = question;
  const { memberClass } = who;
  if (memberClass !== "unknown") return decideFor(question, { ...who, memberClass });
  const [first, ...others] = PERSON_CLASSES.map((one) => decideFor(question, { ...who, memberClass: one }));
  if (first === undefined || others.some(({ allowed }) => allowed !== first.allowed))
    return { allowed: false, rule: "class_unknown" };
  const isOneRule = others.every(({ rule }) => rule === first.rule);
  return { allowed: first.allowed, rule: isOneRule ? first.rule : "whatever_class" };
}

/** Somebody of whom it is known what they are. */
type KnownSubject = AccessSubject & { readonly memberClass: MemberClass };

function decideFor({ action, where, facts }: AccessQuestion, who: KnownSubject): AccessDecision {
  const deny = (rule: string): AccessDecision => ({ allowed: false, rule });
  if (facts.organizationStopped) return deny("organization_stopped");
  if (facts.agent?.stopped === true) return deny("agent_stopped");
  if (facts.archived && !ALLOWED_IN_ARCHIVE.has(action)) return deny("channel_archived");
  if (facts.identityInChannel === false) return deny("identity_not_in_channel");
  if (who.kind !== "operator") {
    if (facts.membership === "unknown") return deny("membership_unknown");
    if (facts.membership === "out") return deny("not_a_member");
    if (facts.maxAgeMs !== undefined && facts.ageMs > facts.maxAgeMs) return deny("facts_too_old");
  }
  if (facts.agent !== undefined && !facts.agent.invited) return deny(facts.agent.rule);
  const listed = fromLists(who, action, where, facts.rules);
  if (listed !== undefined) return listed;
  return byRole(who, action);
}

/** A deny at any level decides; else the innermost allow does; undefined where no list says anything. */
function fromLists(
  who: AccessSubject,
  action: AccessAction,
  where: readonly AccessPlace[],
  rules: readonly AccessRule[],
): AccessDecision | undefined {
  let allowedAt: AccessLevel | undefined;
  for (const place of where) {
    for (const rule of rules) {
      if (rule.action !== action || !isAt(rule, place) || !isAbout(rule, who)) continue;
      if (rule.effect === "deny") return { allowed: false, rule: `denied_at_${place.level}` };
      allowedAt = place.level;
    }
  }
  return allowedAt === undefined ? undefined : { allowed: true, rule: `allowed_at_${allowedAt}` };
}

function byRole(who: KnownSubject, action: AccessAction): AccessDecision {
  if (who.kind === "operator") return { allowed: true, rule: "operator" };
  const given = who.roles.find((role) => ROLE_ACTIONS[role].has(action));
  if (given !== undefined) return { allowed: true, rule: `role_${given}` };
  const inborn = CLASS_ROLES[who.memberClass];
  return { allowed: inborn.has(action), rule: `class_${who.memberClass}` };
}

function isAt(rule: AccessRule, place: AccessPlace): boolean {
  return rule.level === place.level && rule.installationId === place.installationId && rule.placeId === place.placeId;
}

function isAbout(rule: AccessRule, who: AccessSubject): boolean {
  switch (rule.subjectKind) {
    case "everyone":
      return true;
    case "class":
      return rule.subject === who.memberClass;
    case "role":
      return who.roles.some((role) => role === rule.subject);
    case "person":
      return who.kind === "person" && rule.subject === who.id;
    case "agent":
      return who.kind === "agent" && rule.subject === who.id;
  }
}
