import { describe, expect, it } from "vitest";
import {
  computePermissions,
  has,
  type Overwrite,
  PERMISSION,
  type PermissionFacts,
} from "../../../adapters/discord/permissions.ts";

const GUILD = "1";
const ROLE = "2";
const SECOND_ROLE = "3";
const MEMBER = "10";
const P = PERMISSION;
const READS = P.viewChannel | P.readHistory;
const MEMBERS = READS | P.sendMessages | P.sendInThreads;

const role = (id: string, allow: bigint, deny = 0n): Overwrite => ({ id, kind: "role", allow, deny });
const member = (allow: bigint, deny = 0n): Overwrite => ({ id: MEMBER, kind: "member", allow, deny });

function compute(
  change: Partial<Omit<PermissionFacts, "member">> & {
    roles?: ReadonlyMap<string, bigint>;
    own?: readonly string[];
    timeoutUntilMs?: number;
  },
) {
  const { own = [], timeoutUntilMs, ...rest } = change;
  return computePermissions({
    guildId: GUILD,
    ownerId: "99",
    roles: new Map([[GUILD, MEMBERS]]),
    overwrites: [],
    nowMs: 1_000,
    ...rest,
    member: { id: MEMBER, roles: own, ...(timeoutUntilMs === undefined ? {} : { timeoutUntilMs }) },
  });
}

const ADMIN = new Map([
  [GUILD, 0n],
  [ROLE, P.administrator],
]);
const TWO_ROLES = new Map([
  [GUILD, READS],
  [ROLE, P.sendMessages],
  [SECOND_ROLE, P.manageMessages],
]);

describe("what a member may do", () => {
  it.each([
    {
      name: "the owner, everything",
      facts: { ownerId: MEMBER, roles: new Map([[GUILD, 0n]]) },
      rule: "owner",
      may: P.manageThreads,
    },
    {
      name: "an administrator, whatever is denied",
      facts: { roles: ADMIN, own: [ROLE], overwrites: [member(0n, P.viewChannel)] },
      rule: "administrator",
      may: MEMBERS,
    },
    { name: "@everyone's rights", facts: {}, rule: "role", may: MEMBERS, not: P.manageMessages },
    {
      name: "the sum of all roles",
      facts: { roles: TWO_ROLES, own: [ROLE, SECOND_ROLE] },
      rule: "role",
      may: READS | P.sendMessages | P.manageMessages,
    },
    {
      name: "@everyone's overwrite",
      facts: { overwrites: [role(GUILD, 0n, P.sendMessages)] },
      rule: "overwrite",
      may: READS,
      not: P.sendMessages,
    },
    {
      name: "a role's overwrite over @everyone's",
      facts: { own: [ROLE], overwrites: [role(GUILD, 0n, P.sendMessages), role(ROLE, P.sendMessages)] },
      rule: "role",
      may: P.sendMessages,
    },
    {
      name: "one role allows what another denies",
      facts: {
        own: [ROLE, SECOND_ROLE],
        overwrites: [role(ROLE, 0n, P.sendMessages), role(SECOND_ROLE, P.sendMessages)],
      },
      rule: "role",
      may: P.sendMessages,
    },
    {
      name: "the member's own overwrite over any role's",
      facts: { own: [ROLE], overwrites: [role(ROLE, P.sendMessages), member(0n, P.sendMessages)] },
      rule: "overwrite",
      may: READS,
      not: P.sendMessages,
    },
    {
      name: "overwrites of roles one does not have",
      facts: { overwrites: [role(ROLE, 0n, READS)] },
      rule: "role",
      may: MEMBERS,
    },
    {
      name: "nothing without seeing the channel",
      facts: { overwrites: [role(GUILD, 0n, P.viewChannel)] },
      rule: "not_visible",
      not: P.sendMessages,
    },
    {
      name: "looking and reading in a timeout",
      facts: { timeoutUntilMs: 2_000 },
      rule: "timeout",
      may: READS,
      not: P.sendMessages,
    },
    { name: "all again after a timeout", facts: { timeoutUntilMs: 999 }, rule: "role", may: MEMBERS },
    {
      name: "an administrator in a timeout",
      facts: { roles: ADMIN, own: [ROLE], timeoutUntilMs: 2_000 },
      rule: "administrator",
      may: MEMBERS,
    },
    {
      name: "writing in a thread by its own right",
      facts: { roles: new Map([[GUILD, READS | P.sendInThreads]]), thread: { kind: "public", joined: false } },
      rule: "role",
      may: P.sendMessages,
    },
    {
      name: "no writing in a thread by the channel's",
      facts: { roles: new Map([[GUILD, READS | P.sendMessages]]), thread: { kind: "public", joined: true } },
      rule: "role",
      may: READS,
      not: P.sendMessages,
    },
    {
      name: "a private thread that one is in",
      facts: { thread: { kind: "private", joined: true } },
      rule: "role",
      may: MEMBERS,
    },
    {
      name: "a private thread that one is not in",
      facts: { thread: { kind: "private", joined: false } },
      rule: "not_in_thread",
      not: P.viewChannel,
    },
    {
      name: "any private thread for who manages threads",
      facts: { roles: new Map([[GUILD, MEMBERS | P.manageThreads]]), thread: { kind: "private", joined: false } },
      rule: "thread_manager",
      may: MEMBERS,
    },
    {
      name: "no private thread in a channel out of sight",
      facts: { overwrites: [role(GUILD, 0n, P.viewChannel)], thread: { kind: "private", joined: true } },
      rule: "not_visible",
      not: P.readHistory,
    },
    {
      name: "a channel of voices that one may enter",
      facts: { voice: true, roles: new Map([[GUILD, MEMBERS | P.connect]]) },
      rule: "role",
      may: MEMBERS,
    },
    {
      name: "nothing of a channel of voices that one may not enter",
      facts: { voice: true, roles: new Map([[GUILD, MEMBERS | P.connect]]), overwrites: [role(GUILD, 0n, P.connect)] },
      rule: "no_connect",
      not: READS,
    },
    {
      name: "a channel of voices that one may enter by one's own overwrite",
      facts: { voice: true, overwrites: [member(P.connect)] },
      rule: "overwrite",
      may: MEMBERS,
    },
    {
      name: "an unknown role adds nothing",
      facts: { roles: new Map([[GUILD, 0n]]), own: ["77"] },
      rule: "not_visible",
      not: P.viewChannel,
    },
  ] as const)("$name", ({ facts, rule, ...expected }) => {
    const { may = 0n, not = 0n } = { may: undefined, not: undefined, ...expected };
    const computed = compute(facts);
    expect(computed.rule).toBe(rule);
    expect(has(computed.permissions, may)).toBe(true);
    expect(computed.permissions & not).toBe(0n);
  });
});
