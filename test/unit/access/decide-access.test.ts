import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccessFacts, type AccessQuestion, decideAccess } from "../../../src/access/decide-access.ts";
import {
  ACCESS_ACTIONS,
  ACCESS_LEVELS,
  ACCESS_ROLES,
  type AccessPlace,
  type AccessRule,
  MEMBER_CLASSES,
  SUBJECT_KINDS,
} from "../../../src/contracts/access.ts";

const where: readonly AccessPlace[] = [
  { level: "organization", installationId: "", placeId: "" },
  { level: "space", installationId: "i1", placeId: "T1" },
  { level: "category", installationId: "i1", placeId: "K1" },
  { level: "channel", installationId: "i1", placeId: "C1" },
  { level: "thread", installationId: "i1", placeId: "H1" },
];

const facts: AccessFacts = {
  organizationStopped: false,
  archived: false,
  identityInChannel: true,
  membership: "in",
  ageMs: 0,
  maxAgeMs: undefined,
  agent: undefined,
  rules: [],
};

const asking = (change: Partial<AccessQuestion> = {}, of: Partial<AccessFacts> = {}): AccessQuestion => ({
  who: { kind: "person", id: "U1", memberClass: "member", roles: [] },
  action: "start_agent",
  where,
  facts: { ...facts, ...of },
  ...change,
});

const rule = (change: Partial<AccessRule>): AccessRule => ({
  id: "r1",
  ...(where[3] ?? { level: "channel", installationId: "i1", placeId: "C1" }),
  subjectKind: "everyone",
  subject: "",
  action: "start_agent",
  effect: "deny",
  source: "operator",
  ...change,
});

const anyRule = fc.record({
  id: fc.string(),
  level: fc.constantFrom(...ACCESS_LEVELS),
  installationId: fc.constantFrom("", "i1", "i2"),
  placeId: fc.constantFrom("", "T1", "K1", "C1", "H1", "C2"),
  subjectKind: fc.constantFrom(...SUBJECT_KINDS),
  subject: fc.constantFrom("", "U1", "U2", "guide", "member", "guest", "external", "owner"),
  action: fc.constantFrom(...ACCESS_ACTIONS),
  effect: fc.constantFrom("allow" as const, "deny" as const),
  source: fc.constantFrom("config" as const, "operator" as const),
});

const anyQuestion = fc.record({
  who: fc.record({
    kind: fc.constantFrom("person" as const, "agent" as const, "bot" as const, "operator" as const),
    id: fc.constantFrom("U1", "U2", "guide"),
    memberClass: fc.constantFrom(...MEMBER_CLASSES, "unknown" as const),
    roles: fc.uniqueArray(fc.constantFrom(...ACCESS_ROLES)),
  }),
  action: fc.constantFrom(...ACCESS_ACTIONS),
  where: fc.subarray([...where], { minLength: 1 }),
  facts: fc.record({
    organizationStopped: fc.boolean(),
    archived: fc.boolean(),
    identityInChannel: fc.constantFrom(true, false, undefined),
    membership: fc.constantFrom("in" as const, "out" as const, "unknown" as const),
    ageMs: fc.nat(200_000),
    maxAgeMs: fc.constantFrom(undefined, 60_000),
    agent: fc.option(
      fc.record({ invited: fc.boolean(), rule: fc.constant("agent_not_in_channel"), stopped: fc.boolean() }),
      {
        nil: undefined,
      },
    ),
    rules: fc.array(anyRule, { maxLength: 8 }),
  }),
});

describe("the decision function", () => {
  it.each<[string, boolean, Partial<AccessQuestion>, Partial<AccessFacts>]>([
    ["class_member", true, {}, {}],
    ["organization_stopped", false, {}, { organizationStopped: true }],
    ["channel_archived", false, {}, { archived: true }],
    ["class_member", true, { action: "read_history" }, { archived: true }],
    ["identity_not_in_channel", false, {}, { identityInChannel: false }],
    ["membership_unknown", false, {}, { membership: "unknown" }],
    ["not_a_member", false, {}, { membership: "out" }],
    ["facts_too_old", false, {}, { ageMs: 60_001, maxAgeMs: 60_000 }],
    ["class_member", true, {}, { ageMs: 60_000, maxAgeMs: 60_000 }],
    ["agent_not_in_channel", false, {}, { agent: { invited: false, rule: "agent_not_in_channel", stopped: false } }],
    ["agent_stopped", false, {}, { agent: { invited: true, rule: "agent_in_channel", stopped: true } }],
    ["denied_at_channel", false, {}, { rules: [rule({})] }],
    ["class_member", true, {}, { rules: [rule({ placeId: "C2" })] }],
    ["class_member", true, {}, { rules: [rule({ installationId: "i2" })] }],
    ["class_member", true, {}, { rules: [rule({ action: "post" })] }],
    [
      "denied_at_organization",
      false,
      {},
      { rules: [rule({ level: "organization", installationId: "", placeId: "" }), rule({ effect: "allow" })] },
    ],
    ["denied_at_thread", false, {}, { rules: [rule({ effect: "allow" }), rule({ level: "thread", placeId: "H1" })] }],
    [
      "allowed_at_channel",
      true,
      { who: { kind: "person", id: "X1", memberClass: "external", roles: [] } },
      { rules: [rule({ effect: "allow", subjectKind: "class", subject: "external" })] },
    ],
    ["class_unknown", false, { who: { kind: "person", id: "X1", memberClass: "unknown", roles: [] } }, {}],
    [
      "whatever_class",
      true,
      { who: { kind: "person", id: "X1", memberClass: "unknown", roles: [] }, action: "post" },
      {},
    ],
    ["role_owner", true, { who: { kind: "person", id: "X1", memberClass: "unknown", roles: ["owner"] } }, {}],
    [
      "class_unknown",
      false,
      { who: { kind: "person", id: "X1", memberClass: "unknown", roles: ["owner"] } },
      { rules: [rule({ subjectKind: "class", subject: "guest" })] },
    ],
    ["class_external", false, { who: { kind: "person", id: "X1", memberClass: "external", roles: [] } }, {}],
    [
      "role_admin",
      true,
      { who: { kind: "person", id: "X1", memberClass: "external", roles: ["auditor", "admin"] } },
      {},
    ],
    [
      "class_agent",
      false,
      { who: { kind: "agent", id: "guide", memberClass: "agent", roles: [] }, action: "approve" },
      {},
    ],
    [
      "class_agent",
      false,
      { who: { kind: "agent", id: "guide", memberClass: "agent", roles: [] }, action: "mention_everyone" },
      {},
    ],
    [
      "class_agent",
      false,
      { who: { kind: "agent", id: "guide", memberClass: "agent", roles: [] }, action: "invite_agent" },
      {},
    ],
    // A rule about a person does not meet an agent of the same name, nor the other way round.
    [
      "class_agent",
      true,
      { who: { kind: "agent", id: "U1", memberClass: "agent", roles: [] } },
      { rules: [rule({ subjectKind: "person", subject: "U1" })] },
    ],
    [
      "operator",
      true,
      { who: { kind: "operator", id: "op", memberClass: "member", roles: [] } },
      { membership: "unknown" },
    ],
  ])("says %s: %s", (name, allowed, question, change) => {
    expect(decideAccess(asking(question, change))).toEqual({ allowed, rule: name });
  });

  it("answers every question, with a rule", () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const decision = decideAccess(question);
        expect(typeof decision.allowed).toBe("boolean");
        expect(decision.rule).toMatch(/^[a-z][a-z_]+$/);
      }),
    );
  });

  it("lets nothing through that is unknown, stopped or left, whatever lists and roles say", () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const { facts: known, who } = question;
        const shut =
          known.organizationStopped ||
          known.identityInChannel === false ||
          known.agent?.stopped === true ||
          known.agent?.invited === false ||
          (who.kind !== "operator" && known.membership !== "in");
        expect(shut && decideAccess(question).allowed).toBe(false);
      }),
    );
  });

  it("is never opened by one more deny, nor shut by one more allow", () => {
    fc.assert(
      fc.property(anyQuestion, anyRule, (question, extra) => {
        const withRule = { ...question, facts: { ...question.facts, rules: [...question.facts.rules, extra] } };
        const before = decideAccess(question).allowed;
        const after = decideAccess(withRule).allowed;
        expect(extra.effect === "deny" ? after && !before : before && !after).toBe(false);
      }),
    );
  });

  it("depends on rules of the path alone", () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const onPath = question.facts.rules.filter((one) =>
          question.where.some(
            (place) =>
              place.level === one.level && place.installationId === one.installationId && place.placeId === one.placeId,
          ),
        );
        expect(decideAccess({ ...question, facts: { ...question.facts, rules: onPath } })).toEqual(
          decideAccess(question),
        );
      }),
    );
  });
});
