/** The permissions that decide anything here. https://docs.discord.com/developers/topics/permissions */
export const PERMISSION = {
  administrator: 1n << 3n,
  manageChannels: 1n << 4n,
  manageGuild: 1n << 5n,
  addReactions: 1n << 6n,
  viewChannel: 1n << 10n,
  sendMessages: 1n << 11n,
  manageMessages: 1n << 13n,
  attachFiles: 1n << 15n,
  readHistory: 1n << 16n,
  connect: 1n << 20n,
  manageWebhooks: 1n << 29n,
  manageThreads: 1n << 34n,
  createPublicThreads: 1n << 35n,
  sendInThreads: 1n << 38n,
  moderateMembers: 1n << 40n,
} as const;

const ALL = (1n << 64n) - 1n;
/** What a member in timeout keeps. */
const IN_TIMEOUT = PERMISSION.viewChannel | PERMISSION.readHistory;

/** An exception of a channel for a role or a member. */
export interface Overwrite {
  readonly id: string;
  readonly kind: "role" | "member";
  readonly allow: bigint;
  readonly deny: bigint;
}

export interface MemberFacts {
  readonly id: string;
  readonly roles: readonly string[];
  /** Until when the member is in timeout, in ms since 1970. */
  readonly timeoutUntilMs?: number | undefined;
}

export interface PermissionFacts {
  readonly guildId: string;
  readonly ownerId: string | undefined;
  /** Permissions of each role; that of the guild's own id is @everyone. */
  readonly roles: ReadonlyMap<string, bigint>;
  readonly member: MemberFacts;
  /** Of the channel; for a thread, of its parent. */
  readonly overwrites: readonly Overwrite[];
  /** A voice or stage channel, whose words are for those who may enter it. Default false. */
  readonly voice?: boolean;
  /** Set for threads: `joined` says whether the member was added to it. */
  readonly thread?: { readonly kind: "public" | "private"; readonly joined: boolean } | undefined;
  readonly nowMs: number;
}

export interface ComputedPermissions {
  readonly permissions: bigint;
  /** What decided whether the member may see the conversation. */
  readonly rule:
    | "owner"
    | "administrator"
    | "role"
    | "overwrite"
    | "timeout"
    | "not_visible"
    | "not_in_thread"
    | "no_connect"
    | "thread_manager";
}

/**
 * What a member may do in a channel or thread, as Discord itself judges.
 *
 * Beyond roles and overwrites: owner and administrators are bound by nothing; a timeout leaves looking and reading; whoever cannot
 * see a channel, or not enter one of voices, can do nothing in it; a thread is written in by SEND_MESSAGES_IN_THREADS alone, and a private one is closed to
 * whoever was not added, except to MANAGE_THREADS. https://docs.discord.com/developers/topics/permissions#permission-overwrites
 */
export function computePermissions(facts: PermissionFacts): ComputedPermissions {
  const { member, guildId, thread } = facts;
  if (facts.ownerId === member.id) return { permissions: ALL, rule: "owner" };
  const base = [guildId, ...member.roles].reduce((sum, role) => sum | (facts.roles.get(role) ?? 0n), 0n);
  if (has(base, PERMISSION.administrator)) return { permissions: ALL, rule: "administrator" };
  const overwritten = applyOverwrites(base, facts);
  if (!has(overwritten, PERMISSION.viewChannel)) return { permissions: 0n, rule: "not_visible" };
  if (facts.voice === true && !has(overwritten, PERMISSION.connect)) return { permissions: 0n, rule: "no_connect" };
  const managesThreads = has(overwritten, PERMISSION.manageThreads);
  if (thread?.kind === "private" && !thread.joined && !managesThreads)
    return { permissions: 0n, rule: "not_in_thread" };
  const inPlace = thread === undefined ? overwritten : asThread(overwritten);
  if (member.timeoutUntilMs !== undefined && member.timeoutUntilMs > facts.nowMs)
    return { permissions: inPlace & IN_TIMEOUT, rule: "timeout" };
  if (thread?.kind === "private" && !thread.joined) return { permissions: inPlace, rule: "thread_manager" };
  return { permissions: inPlace, rule: overwritten === base ? "role" : "overwrite" };
}

export function has(permissions: bigint, wanted: bigint): boolean {
  return (permissions & wanted) === wanted;
}

/** @everyone's overwrite first, then those of all roles together, then the member's own; allowing beats denying within one step. */
function applyOverwrites(base: bigint, { overwrites, member, guildId }: PermissionFacts): bigint {
  let permissions = base;
  const apply = (list: readonly Overwrite[]): void => {
    const deny = list.reduce((sum, one) => sum | one.deny, 0n);
    const allow = list.reduce((sum, one) => sum | one.allow, 0n);
    permissions = (permissions & ~deny) | allow;
  };
  apply(overwrites.filter((one) => one.kind === "role" && one.id === guildId));
  apply(overwrites.filter((one) => one.kind === "role" && one.id !== guildId && member.roles.includes(one.id)));
  apply(overwrites.filter((one) => one.kind === "member" && one.id === member.id));
  return permissions;
}

/** SEND_MESSAGES has no meaning in a thread; what it stands for elsewhere, SEND_MESSAGES_IN_THREADS decides there. */
function asThread(permissions: bigint): bigint {
  const without = permissions & ~PERMISSION.sendMessages;
  return has(permissions, PERMISSION.sendInThreads) ? without | PERMISSION.sendMessages : without;
}
