import { describe, expect, it } from "vitest";
import { decideAccess } from "../../../src/access/decide-access.ts";
import { decideInvitation, type InvitationQuestion } from "../../../src/access/decide-invitation.ts";
import { ACCESS_ROLES, type AccessRole, MEMBER_CLASSES, type MemberClass } from "../../../src/contracts/access.ts";

/** What the one decision function says of somebody of this class with these roles. */
function rightOf(memberClass: MemberClass, roles: readonly AccessRole[] = []) {
  return decideAccess({
    who: { kind: "person", id: "u", memberClass, roles },
    action: "invite_agent",
    where: [{ level: "organization", installationId: "", placeId: "" }],
    facts: {
      organizationStopped: false,
      archived: false,
      identityInChannel: true,
      membership: "in",
      ageMs: 0,
      maxAgeMs: undefined,
      agent: undefined,
      rules: [],
    },
  });
}

const ask = (more: Partial<InvitationQuestion>): InvitationQuestion => ({
  action: "invite",
  right: rightOf("member"),
  channelKind: "public",
  agentStopped: false,
  byDefinition: false,
  standing: undefined,
  by: { kind: "person", id: "u" },
  ...more,
});
const OTHER = { inviterKind: "person", inviterId: "other" } as const;
const OWN = { inviterKind: "person", inviterId: "u" } as const;
const OPERATOR = { inviterKind: "operator", inviterId: "u" } as const;
const ALLOWED: ReadonlySet<string> = new Set(["member", "admin", "owner"]);

describe("who may invite, end and take over", () => {
  const subjects = [
    ...MEMBER_CLASSES.map((name) => ({ name, kind: "class", right: rightOf(name) })),
    ...ACCESS_ROLES.map((name) => ({ name, kind: "role", right: rightOf("external", [name]) })),
  ];
  it.each(subjects)("$kind $name", ({ name, right }) => {
    const allowed = ALLOWED.has(name);
    const result = (action: InvitationQuestion["action"], standing?: InvitationQuestion["standing"]) =>
      decideInvitation(ask({ action, right, standing })).result;
    expect(result("invite")).toBe(allowed ? "invited" : "denied");
    expect(result("take_over", OTHER)).toBe(allowed ? "taken_over" : "denied");
    expect(result("uninvite", OTHER)).toBe(allowed ? "uninvited" : "denied");
    // One's own can be taken back whatever became of the right to give it.
    expect(result("uninvite", OWN)).toBe("uninvited");
  });
});

describe("what stands already", () => {
  it.each<[string, Partial<InvitationQuestion>, string]>([
    ["invite over another's", { standing: OTHER }, "already_invited"],
    ["invite over one's own", { standing: OWN }, "already_own"],
    ["invite where the definition says so", { byDefinition: true }, "already_member"],
    ["invite into a direct message", { channelKind: "direct" }, "denied"],
    ["invite into a group's direct message", { channelKind: "group_direct" }, "denied"],
    ["invite a stopped agent", { agentStopped: true }, "denied"],
    ["end what is not there", { action: "uninvite" }, "not_invited"],
    ["end what the definition says", { action: "uninvite", byDefinition: true }, "already_member"],
    ["end an operator's", { action: "uninvite", standing: OPERATOR }, "uninvited"],
    ["end that of a stopped agent", { action: "uninvite", agentStopped: true, standing: OTHER }, "uninvited"],
    ["take over what is not there", { action: "take_over" }, "not_invited"],
    ["take over one's own", { action: "take_over", standing: OWN }, "already_own"],
    ["take over an operator's", { action: "take_over", standing: OPERATOR }, "already_invited"],
    [
      "take over as an operator",
      { action: "take_over", standing: OTHER, by: { kind: "operator", id: "t" } },
      "taken_over",
    ],
  ])("%s", (_name, more, result) => {
    expect(decideInvitation(ask(more)).result).toBe(result);
  });

  it("tells a person and an operator of the same id apart", () => {
    const question = ask({ action: "uninvite", right: rightOf("external"), standing: OPERATOR });
    expect(decideInvitation(question)).toEqual({ result: "denied", rule: "class_external" });
  });
});
