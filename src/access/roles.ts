import { ACCESS_ACTIONS, type AccessAction, type AccessRole, type MemberClass } from "../contracts/access.ts";

const all: ReadonlySet<AccessAction> = new Set(ACCESS_ACTIONS);
const readers: readonly AccessAction[] = ["read_history", "read_roster"];
const writers: readonly AccessAction[] = [...readers, "post", "react", "start_agent"];

/** What each role may do by itself; access lists add to it and take from it. */
export const ROLE_ACTIONS: Readonly<Record<AccessRole, ReadonlySet<AccessAction>>> = {
  owner: all,
  admin: all,
  member: new Set([...writers, "edit_document", "approve", "invite_agent"]),
  guest: new Set(writers),
  auditor: new Set(readers),
};

/**
 * What somebody may do who was given no role. People of other organizations start no agent unless a list lets them: its data is the organization's
 * own (security rule R18). Agents and bots start one another within the loop guard's limits, and decide nothing.
 */
export const CLASS_ROLES: Readonly<Record<MemberClass, ReadonlySet<AccessAction>>> = {
  admin: all,
  member: ROLE_ACTIONS.member,
  guest: ROLE_ACTIONS.guest,
  external: new Set([...readers, "post", "react"]),
  agent: new Set([...writers, "edit_document"]),
  bot: new Set(writers),
};
