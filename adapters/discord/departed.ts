import { toParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import type { Guilds, Space } from "./guilds.ts";
import type { InboundContext, Translation } from "./inbound-context.ts";
import { translateVisibility } from "./inbound-guild.ts";
import { asId, asList, asNumber, asRecord, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";

/**
 * The installations whose guild the bot was removed from while nobody listened.
 *
 * READY lists every guild of the shard, those in an outage too; one that is missing is asked for by itself before it counts as left.
 * https://docs.discord.com/developers/events/gateway-events#ready
 */
export async function departedSpaces(
  tools: { readonly client: DiscordClient; readonly guilds: Guilds; readonly ending: AbortSignal },
  ready: Raw,
): Promise<readonly Space[]> {
  const { guilds } = tools;
  const [shardId, shardCount] = asList(ready["shard"]).map(asNumber);
  if (shardId === undefined || shardCount === undefined || shardCount < 1 || !Array.isArray(ready["guilds"])) return [];
  const listed = new Set(asList(ready["guilds"]).map((item) => asId(asRecord(item)?.["id"])));
  const missing = guilds.list().filter(({ guild }) => {
    if (guild === undefined || listed.has(guild.id)) return false;
    return Number((BigInt(guild.id) >> 22n) % BigInt(shardCount)) === shardId;
  });
  const departed: Space[] = [];
  for (const space of missing) if (await isRefused(tools, space.externalId)) departed.push(space);
  return departed;
}

/** What is said of the channels of a guild that was left, those included that only a process before this one knew. */
export function channelsLeft(
  { guild }: Space,
  seen: ReadonlySet<string>,
  context: InboundContext,
): readonly Translation[] {
  const lost = new Set([...seen, ...(guild?.talkChannels() ?? []).map((channel) => channel.id)]);
  return translateVisibility({ memberId: context.botUserId, gained: [], lost: [...lost] }, context);
}

/** Any other failure says nothing of the guild. */
async function isRefused(
  { client, ending }: { readonly client: DiscordClient; readonly ending: AbortSignal },
  guildId: string,
): Promise<boolean> {
  try {
    await client.call({ route: ROUTES.guild(guildId), signal: ending });
    return false;
  } catch (thrown) {
    const { code } = toParleyError(thrown);
    return code === "TARGET_NOT_FOUND" || code === "PLATFORM_FORBIDDEN";
  }
}
