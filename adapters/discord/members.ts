import type { Target } from "../../src/contracts/adapter.ts";
import type { MemberProfile } from "../../src/contracts/adapter-features.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { AccessTools } from "./access.ts";
import type { Guild, GuildMember } from "./guild.ts";
import { isDirect } from "./outbound.ts";
import { personFacts } from "./people.ts";
import { has, PERMISSION } from "./permissions.ts";
import { asId, asList, asRecord, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";
import { permissionsIn } from "./visibility.ts";

const PAGE_SIZE = 1_000;
const MAX_PAGES = 20;

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
  const { client, guilds } = tools;
  const { botUserId } = guilds.bot;
  if (isDirect(target)) {
    const channel = asRecord(await client.call({ route: ROUTES.channel(target.conversation.channel.id), signal }));
    const others = asList(channel?.["recipients"])
      .map(asRecord)
      .flatMap((user) => (user === undefined ? [] : [profileOf(user, undefined, botUserId)]));
    const self: MemberProfile = { id: botUserId, name: guilds.bot.botName, kind: "bot", self: true };
    return [self, ...others.filter((one) => one.id !== botUserId)];
  }
  const space = await guilds.need(target.installationId);
  const { guild } = space;
  if (guild === undefined) throw new ParleyError("TARGET_NOT_FOUND", { detail: "the conversation is in no guild" });
  await guilds.ensureLoaded(space, signal);
  const everybody = await guildMembers(tools, guild, signal);
  const { channel, thread } = target.conversation;
  const place = thread !== undefined && guild.threads.has(thread.id) ? thread.id : channel.id;
  const added =
    guild.threads.get(place)?.private === true ? await threadMembers(tools, place, signal) : new Set<string>();
  return everybody.flatMap(({ member, raw, user }) => {
    const computed = permissionsIn(guild, member.id, place, { nowMs: Date.now(), joinedThread: added.has(member.id) });
    const reads = computed !== undefined && has(computed.permissions, PERMISSION.viewChannel);
    return reads ? [profileOf(user, raw, botUserId)] : [];
  });
}

async function guildMembers({ client }: AccessTools, guild: Guild, signal: AbortSignal) {
  const found: { member: GuildMember; raw: Raw; user: Raw }[] = [];
  let after: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = asList(
      await client.call({ route: ROUTES.guildMembers(guild.id), query: { limit: PAGE_SIZE, after }, signal }),
    );
    for (const item of answer) {
      const raw = asRecord(item);
      const user = asRecord(raw?.["user"]);
      const member = guild.putMember(raw);
      if (raw !== undefined && user !== undefined && member !== undefined) found.push({ member, raw, user });
    }
    after = found.at(-1)?.member.id;
    if (answer.length < PAGE_SIZE) break;
  }
  return found;
}

async function threadMembers(
  { client }: AccessTools,
  threadId: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const answer = await client.call({ route: ROUTES.threadMembers(threadId), signal });
  return new Set(asList(answer).flatMap((item) => asId(asRecord(item)?.["user_id"]) ?? []));
}

function profileOf(user: Raw, member: Raw | undefined, botUserId: string): MemberProfile {
  const id = asId(user["id"]) ?? "0";
  return { id, ...personFacts(user, member), self: id === botUserId };
}
