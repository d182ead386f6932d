import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PlanChannel, type PlanPolicies, planDifferences } from "../../../src/access/access-plan.ts";
import {
  ACCESS_ACTIONS,
  ACCESS_ROLES,
  type AccessRule,
  MEMBER_CLASSES,
  type RoleAssignment,
} from "../../../src/contracts/access.ts";

const ORGANIZATION = { level: "organization", installationId: "", placeId: "" } as const;
const at = (level: "space" | "category" | "channel", placeId: string) =>
  ({ level, installationId: "i", placeId }) as const;

function channel(name: string, members: PlanChannel["members"], more: Partial<PlanChannel> = {}): PlanChannel {
  return {
    installationId: "i",
    channelId: `C_${name}`,
    name,
    kind: "public",
    archived: false,
    identityInChannel: true,
    spaceId: "T",
    categoryId: undefined,
    members,
    ...more,
  };
}

const people = (count: number, memberClass: PlanChannel["members"][number]["memberClass"] = "member", from = 0) =>
  Array.from({ length: count }, (_, index) => ({ id: `u${from + index}`, memberClass }));

function policies(more: Partial<PlanPolicies> = {}): PlanPolicies {
  return {
    organizationStopped: false,
    rules: [],
    roles: [],
    invitations: [],
    agents: [{ agentId: "a_1", handle: "helper", channels: ["general"], stopped: false }],
    ...more,
  };
}

let lines = 0;
const rule = (more: Partial<AccessRule>): AccessRule => ({
  ...ORGANIZATION,
  id: `g_${(lines += 1)}`,
  subjectKind: "everyone",
  subject: "",
  action: "post",
  effect: "deny",
  source: "config",
  ...more,
});
const role = (more: Partial<RoleAssignment>): RoleAssignment => ({
  ...ORGANIZATION,
  id: `o_${(lines += 1)}`,
  personId: "u0",
  role: "admin",
  source: "config",
  ...more,
});
/** Short lines of what differs. */
const shown = (channels: readonly PlanChannel[], before: PlanPolicies, after: PlanPolicies): string[] =>
  planDifferences(channels, before, after).map(
    ({ change, what, channel: { name }, agent, people: ids }) =>
      `${change} ${what}${agent === undefined ? "" : ` @${agent}`}${ids === undefined ? "" : ` ${ids.length}`} #${name ?? ""}`,
  );

describe("what a change does", () => {
  it("says that 42 more people can reach an agent whose channels grow", () => {
    const room = channel("sales", [...people(42), ...people(3, "external", 100), { id: "b", memberClass: "bot" }]);
    const after = policies({
      agents: [{ agentId: "a_1", handle: "helper", channels: ["general", "sal*"], stopped: false }],
    });
    expect(shown([room], policies(), after)).toEqual([
      "gain take_part @helper #sales",
      "gain reach_agent @helper 42 #sales",
    ]);
    expect(shown([room], after, policies())).toEqual([
      "lose take_part @helper #sales",
      "lose reach_agent @helper 42 #sales",
    ]);
  });

  it("says nothing of what stays as it is", () => {
    expect(shown([channel("general", people(5))], policies(), policies())).toEqual([]);
    // A list that says what holds anyway changes nothing for anybody.
    const same = policies({ rules: [rule({ subjectKind: "class", subject: "member", effect: "allow" })] });
    expect(shown([channel("general", people(5))], policies(), same)).toEqual([]);
  });

  it("counts a deny at each level down to where it holds", () => {
    const rooms = [
      channel("general", people(4), { categoryId: "K" }),
      channel("other", people(4)),
      channel("far", people(4), { spaceId: "T2" }),
    ];
    const deny = (place: Partial<AccessRule>): PlanPolicies =>
      policies({ rules: [rule({ ...place, action: "react" })] });
    expect(shown(rooms, policies(), deny(ORGANIZATION)).map((line) => line.split("#")[1])).toContain("far");
    expect(shown(rooms, policies(), deny(at("space", "T")))).toEqual([
      "lose react 4 #general",
      "lose react @helper #general",
      "lose react 4 #other",
    ]);
    expect(shown(rooms, policies(), deny(at("category", "K")))).toEqual([
      "lose react 4 #general",
      "lose react @helper #general",
    ]);
    expect(shown(rooms, policies(), deny(at("channel", "C_other")))).toEqual(["lose react 4 #other"]);
  });

  it("lets a deny below win over an allow above", () => {
    const room = channel("general", people(2, "external"));
    const allow = rule({ subjectKind: "class", subject: "external", action: "start_agent", effect: "allow" });
    const deny = rule({ ...at("channel", "C_general"), subjectKind: "person", subject: "u1", action: "start_agent" });
    expect(shown([room], policies(), policies({ rules: [allow] }))).toEqual([
      "gain start_agent 2 #general",
      "gain reach_agent @helper 2 #general",
    ]);
    expect(shown([room], policies(), policies({ rules: [allow, deny] }))).toEqual([
      "gain start_agent 1 #general",
      "gain reach_agent @helper 1 #general",
    ]);
  });

  it("counts people with a role of their own by themselves", () => {
    const room = channel("general", people(3, "guest"));
    const after = policies({ roles: [role({ ...at("channel", "C_general"), personId: "u2", role: "admin" })] });
    const found = planDifferences([room], policies(), after);
    expect(found.every((difference) => difference.change === "gain" && difference.people?.join() === "u2")).toBe(true);
    expect(found.map((difference) => difference.what).toSorted()).toEqual([
      "approve",
      "edit_document",
      "invite_agent",
      "mention_everyone",
    ]);
  });

  it("says who loses what when an organization is stopped", () => {
    const found = shown([channel("general", people(2))], policies(), policies({ organizationStopped: true }));
    expect(found).toContain("lose post 2 #general");
    expect(found).toContain("lose reach_agent @helper 2 #general");
  });
});

const someRule = fc.record({
  place: fc.constantFrom(
    ORGANIZATION,
    at("space", "T"),
    at("category", "K"),
    at("channel", "C_a"),
    at("channel", "C_b"),
  ),
  subject: fc.oneof(
    fc.constant({ subjectKind: "everyone" as const, subject: "" }),
    fc
      .constantFrom(...MEMBER_CLASSES)
      .map((subject) => ({ subjectKind: "class" as const, subject: subject as string })),
    fc.constantFrom(...ACCESS_ROLES).map((subject) => ({ subjectKind: "role" as const, subject: subject as string })),
    fc.constantFrom("u0", "u1", "u2").map((subject) => ({ subjectKind: "person" as const, subject })),
    fc.constant({ subjectKind: "agent" as const, subject: "helper" }),
  ),
  action: fc.constantFrom(...ACCESS_ACTIONS),
  effect: fc.constantFrom("allow" as const, "deny" as const),
});
const someSide = fc
  .record({
    rules: fc.array(someRule, { maxLength: 6 }),
    roles: fc.array(fc.record({ person: fc.constantFrom("u0", "u1"), role: fc.constantFrom(...ACCESS_ROLES) }), {
      maxLength: 3,
    }),
    channels: fc.subarray(["a", "b", "*"]),
    stopped: fc.boolean(),
  })
  .map(({ rules, roles, channels, stopped }) =>
    policies({
      rules: rules.map(({ place, subject, action, effect }) => rule({ ...place, ...subject, action, effect })),
      roles: roles.map(({ person, role: name }) => role({ personId: person, role: name })),
      agents: [{ agentId: "a_1", handle: "helper", channels, stopped }],
    }),
  );

describe("any change", () => {
  const rooms = [
    channel("a", [...people(2), ...people(2, "guest", 2), ...people(1, "external", 4)], { categoryId: "K" }),
    channel("b", people(3, "admin")),
  ];

  it("is undone by the change back", () => {
    fc.assert(
      fc.property(someSide, someSide, (before, after) => {
        const turned = planDifferences(rooms, after, before).map(({ change, ...rest }) => ({
          change: change === "gain" ? "lose" : "gain",
          ...rest,
        }));
        const text = (rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row)).toSorted();
        expect(text(turned)).toEqual(text(planDifferences(rooms, before, after)));
      }),
      { numRuns: 300 },
    );
  });

  it("never lets more people reach an agent by a deny alone", () => {
    fc.assert(
      fc.property(someSide, someRule, (before, { place, subject, action }) => {
        const after = { ...before, rules: [...before.rules, rule({ ...place, ...subject, action, effect: "deny" })] };
        expect(planDifferences(rooms, before, after).filter(({ change }) => change === "gain")).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
