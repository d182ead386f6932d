import type { Target } from "../../src/contracts/adapter.ts";
import type { MemberAccess } from "../../src/contracts/adapter-features.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import type { Guild } from "./guild.ts";
import type { Guilds, Space } from "./guilds.ts";
import { learnPlace } from "./learn-place.ts";
import { isDirect } from "./outbound.ts";
import { has, PERMISSION } from "./permissions.ts";
import { asId, asList, asRecord } from "./raw.ts";
import { ROUTES } from "./routes.ts";
import { permissionsIn } from "./visibility.ts";

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
const nothing = (rule: string): MemberAccess => ({ read: false, post: false, moderate: false, rule });

/**
 * What a member may do in a conversation now, as Discord itself would judge.
 *
 * Somebody who is not known is looked up; what cannot be found out is not allowed, with the rule `unknown`. Never throws.
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

async function guildAccess(tools: AccessTools, space: Space, query: AccessQuery): Promise<MemberAccess> {
  const { guild } = space;
  if (guild === undefined) return nothing("unknown");
  await tools.guilds.ensureLoaded(space, query.signal);
  if (!(await learnMember(tools, guild, query))) return nothing("not_member");
  const { channel, thread } = query.target.conversation;
  const place = thread?.id ?? channel.id;
  await learnPlace(tools.client, guild, place, query.signal);
  const known = guild.threads.get(place);
  const joinedThread = known?.private === true ? await isInThread(tools, place, query) : false;
  // A thread that is not there yet will be a public one, made from a message of the channel.
  const judged = guild.channels.has(place) || known !== undefined ? place : channel.id;
  const computed = permissionsIn(guild, query.memberId, judged, { nowMs: Date.now(), joinedThread });
  if (computed === undefined) return nothing("unknown");
  const { permissions, rule } = computed;
  const read = has(permissions, PERMISSION.viewChannel | PERMISSION.readHistory);
  return {
    read,
    post: read && has(permissions, PERMISSION.sendMessages),
    moderate: read && MODERATES.some((one) => has(permissions, one)),
    rule: rule === "role" ? "member" : rule,
  };
}

/** False when the person is not in the guild. */
async function learnMember({ client }: AccessTools, guild: Guild, { memberId, signal }: AccessQuery): Promise<boolean> {
  if (guild.member(memberId) !== undefined) return true;
  try {
    guild.putMember(asRecord(await client.call({ route: ROUTES.guildMember(guild.id, memberId), signal })));
    return true;
  } catch (error) {
    if (toParleyError(error).code === "TARGET_NOT_FOUND") return false;
    throw error;
  }
}

async function isInThread({ client }: AccessTools, threadId: string, query: AccessQuery): Promise<boolean> {
  try {
    await client.call({ route: ROUTES.threadMember(threadId, query.memberId), signal: query.signal });
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
  const within = memberId === guilds.bot.botUserId || recipients.includes(memberId);
  return within ? { read: true, post: true, moderate: false, rule: "member" } : nothing("not_member");
}
