import type { MemberClass } from "../../src/contracts/access.ts";
import type { Target } from "../../src/contracts/adapter.ts";
import type { MemberAccess } from "../../src/contracts/adapter-features.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import type { Guild, GuildMember } from "./guild.ts";
import type { Guilds, Space } from "./guilds.ts";
import { isDirect } from "./outbound.ts";
import { has, PERMISSION } from "./permissions.ts";
import { asId, asList, asRecord } from "./raw.ts";
import { readGuildMember, readPlace } from "./read-place.ts";
import { ROUTES } from "./routes.ts";
import { judge } from "./visibility.ts";

export interface AccessTools {
  readonly client: DiscordClient;
  readonly guilds: Guilds;
}

interface AccessQuery {
  readonly target: Target;
  readonly memberId: string;
  readonly signal: AbortSignal;
}

const MODERATES = [PERMISSION.manageMessages, PERMISSION.moderateMembers, PERMISSION.manageThreads];
const nothing = (rule: string): MemberAccess => ({
  read: false,
  post: false,
  moderate: false,
  memberClass: "external",
  rule,
});

/**
 * What a member may do in a conversation now, as Discord itself would judge; member, channel and thread are asked for each time.
 *
 * What cannot be found out is not allowed, with the rule `unknown`. Never throws.
 */
export async function checkAccess(tools: AccessTools, query: AccessQuery): Promise<MemberAccess> {
  try {
    const space = await tools.guilds.need(query.target.installationId);
    if (isDirect(query.target)) return await directAccess(tools, query);
    return await guildAccess(tools, space, query);
  } catch {
    return nothing("unknown");
  }
}

async function guildAccess({ client, guilds }: AccessTools, space: Space, query: AccessQuery): Promise<MemberAccess> {
  const { guild } = space;
  const { target, memberId, signal } = query;
  if (guild === undefined) return nothing("unknown");
  await guilds.ensureLoaded(space, signal);
  const member = await readGuildMember(client, guild, memberId, signal);
  if (member === undefined) return nothing("not_member");
  const place = await readPlace(client, target.conversation, signal);
  if (place === undefined) return nothing("unknown");
  const { thread } = place;
  const joinedThread = thread?.private === true && (await isInThread(client, thread.id, memberId, signal));
  const { permissions, rule } = judge(guild, member, place, { nowMs: Date.now(), joinedThread });
  const read = has(permissions, PERMISSION.viewChannel | PERMISSION.readHistory);
  return {
    read,
    post: read && has(permissions, PERMISSION.sendMessages),
    moderate: read && MODERATES.some((one) => has(permissions, one)),
    memberClass: classOf(guild, member),
    rule: rule === "role" ? (read ? "member" : "no_history") : rule,
  };
}

/** What a member is in the guild. */
export function classOf(guild: Guild, member: GuildMember): MemberClass {
  if (member.person.kind === "bot") return "bot";
  if (guild.isGovernedBy(member)) return "admin";
  return member.person.kind === "external_guest" ? "guest" : "member";
}

async function isInThread(
  client: DiscordClient,
  threadId: string,
  memberId: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.call({ route: ROUTES.threadMember(threadId, memberId), signal });
    return true;
  } catch (error) {
    if (toParleyError(error).code === "TARGET_NOT_FOUND") return false;
    throw error;
  }
}

async function directAccess({ client, guilds }: AccessTools, query: AccessQuery): Promise<MemberAccess> {
  const { memberId, target, signal } = query;
  const channel = asRecord(await client.call({ route: ROUTES.channel(target.conversation.channel.id), signal }));
  const recipients = asList(channel?.["recipients"]).map((user) => asId(asRecord(user)?.["id"]));
  const self = memberId === guilds.bot.botUserId;
  if (!self && !recipients.includes(memberId)) return nothing("not_member");
  return { read: true, post: true, moderate: false, memberClass: self ? "bot" : "member", rule: "member" };
}
