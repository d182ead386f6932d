import type { Target } from "../../src/contracts/adapter.ts";
import type { ConversationReach, MemberProfile } from "../../src/contracts/adapter-features.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { type AccessTools, classOf } from "./access.ts";
import { type Guild, type GuildMember, readMember } from "./guild.ts";
import { isDirect } from "./outbound.ts";
import { personFacts } from "./people.ts";
import { has, PERMISSION } from "./permissions.ts";
import { asId, asList, asRecord } from "./raw.ts";
import { readPlace } from "./read-place.ts";
import { ROUTES } from "./routes.ts";
import { judge } from "./visibility.ts";

const PAGE_SIZE = 1_000;
const MAX_PAGES = 20;
/** What Discord answers about a conversation that the bot cannot see, or that is gone. */
const SHUT_OUT: ReadonlySet<string> = new Set(["TARGET_NOT_FOUND", "PLATFORM_FORBIDDEN"]);

/**
 * Everybody who can read the conversation now: of a guild's channel all members whom its roles and overwrites let in, of a
 * private thread those who were added.
 *
 * Listing a guild's members needs the privileged GUILD_MEMBERS intent; without it Discord refuses, with PLATFORM_FORBIDDEN.
 */
export async function readMembers(
  tools: AccessTools,
  target: Target,
  signal: AbortSignal,
): Promise<readonly MemberProfile[]> {
  const { botUserId } = tools.guilds.bot;
  if (isDirect(target)) return await inDirect(tools, target, signal);
  const { guild, place } = await placeOf(tools, target, signal);
  const { thread } = place;
  const added = thread?.private === true ? await threadMembers(tools, thread.id, signal) : new Set<string>();
  const everybody = await guildMembers(tools, guild, signal);
  return everybody.flatMap((member): MemberProfile[] => {
    const { permissions } = judge(guild, member, place, { nowMs: Date.now(), joinedThread: added.has(member.id) });
    if (!has(permissions, PERMISSION.viewChannel)) return [];
    return [{ id: member.id, ...member.person, self: member.id === botUserId, memberClass: classOf(guild, member) }];
  });
}

/**
 * A channel is open to the whole guild when everybody may see and read back in it, and no role or member is kept out; a private
 * thread never is. Nobody outside the guild can read.
 */
export async function readReach(tools: AccessTools, target: Target, signal: AbortSignal): Promise<ConversationReach> {
  if (isDirect(target)) return { openToMembers: false, complete: true };
  const { guild, place } = await placeOf(tools, target, signal);
  return { openToMembers: place.thread?.private !== true && guild.isOpenToAll(place.channel), complete: true };
}

/** Whether the bot can see the conversation, which is all that Discord lets it ask about. */
export async function isPresent({ client }: AccessTools, target: Target, signal: AbortSignal): Promise<boolean> {
  try {
    await client.call({ route: ROUTES.channel(target.conversation.channel.id), signal });
    return true;
  } catch (error) {
    if (SHUT_OUT.has(toParleyError(error).code)) return false;
    throw error;
  }
}

async function inDirect(
  { client, guilds }: AccessTools,
  target: Target,
  signal: AbortSignal,
): Promise<readonly MemberProfile[]> {
  const { botUserId, botName } = guilds.bot;
  const channel = asRecord(await client.call({ route: ROUTES.channel(target.conversation.channel.id), signal }));
  const others = asList(channel?.["recipients"]).flatMap((item): MemberProfile[] => {
    const user = asRecord(item);
    const id = asId(user?.["id"]);
    if (user === undefined || id === undefined || id === botUserId) return [];
    const facts = personFacts(user);
    return [{ id, ...facts, self: false, memberClass: facts.kind === "bot" ? "bot" : "member" }];
  });
  return [{ id: botUserId, name: botName, kind: "bot", self: true, memberClass: "bot" }, ...others];
}

async function placeOf({ client, guilds }: AccessTools, target: Target, signal: AbortSignal) {
  const space = await guilds.need(target.installationId);
  const { guild } = space;
  if (guild === undefined) throw new ParleyError("TARGET_NOT_FOUND", { detail: "the conversation is in no guild" });
  await guilds.ensureLoaded(space, signal);
  const place = await readPlace(client, target.conversation, signal);
  if (place === undefined) throw new ParleyError("TARGET_NOT_FOUND", { detail: "there is no such channel" });
  return { guild, place };
}

async function guildMembers({ client }: AccessTools, guild: Guild, signal: AbortSignal): Promise<GuildMember[]> {
  const found: GuildMember[] = [];
  let after: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = asList(
      await client.call({ route: ROUTES.guildMembers(guild.id), query: { limit: PAGE_SIZE, after }, signal }),
    );
    for (const item of answer) {
      const member = readMember(asRecord(item));
      if (member !== undefined) found.push(member);
    }
    after = found.at(-1)?.id;
    if (answer.length < PAGE_SIZE) return found;
  }
  throw new ParleyError("FEATURE_UNSUPPORTED", { detail: `the guild has more than ${PAGE_SIZE * MAX_PAGES} members` });
}

async function threadMembers(
  { client }: AccessTools,
  threadId: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const answer = await client.call({ route: ROUTES.threadMembers(threadId), signal });
  return new Set(asList(answer).flatMap((item) => asId(asRecord(item)?.["user_id"]) ?? []));
}
