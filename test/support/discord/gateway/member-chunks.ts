import type { Core } from "../core.ts";
import { INTENTS } from "../model/bits.ts";
import { isWire } from "../model/markup.ts";
import type { Member } from "../model/records.ts";
import { fullMemberWire } from "../model/wire.ts";
import type { Session } from "./session.ts";

const CHUNK = 1_000;
const MAX_NAMED = 100;
/** All members of a guild are given once in this time. */
const WHOLE_GUILD_PAUSE_MS = 30_000;

/** REQUEST_GUILD_MEMBERS: all members, those whose name begins so, or those with the ids; returns why it closes the connection, if it does. */
export function sendMembers(
  core: Core,
  session: Session,
  data: unknown,
  lastWhole: Map<string, number>,
  dispatch: (type: string, data: unknown) => void,
): { code: number; reason: string } | undefined {
  const given = isWire(data) ? data : {};
  const { guild_id: guildId, query, limit, user_ids: userIds, nonce } = given;
  const guild = typeof guildId === "string" ? core.world.guilds.get(guildId) : undefined;
  if (guild === undefined || !guild.members.has(session.botUserId))
    return { code: 4002, reason: "Error while decoding payload." };
  const wholeGuild = userIds === undefined && query === "" && (limit === 0 || limit === undefined);
  if (wholeGuild) {
    if (!session.wants(INTENTS.GUILD_MEMBERS)) return { code: 4014, reason: "Disallowed intent(s)." };
    const key = `${session.applicationId}|${guild.id}`;
    const waitedMs = performance.now() - (lastWhole.get(key) ?? Number.NEGATIVE_INFINITY);
    if (waitedMs < WHOLE_GUILD_PAUSE_MS) {
      dispatch("RATE_LIMITED", {
        opcode: 8,
        retry_after: (WHOLE_GUILD_PAUSE_MS - waitedMs) / 1000,
        meta: { guild_id: guild.id, ...(nonce === undefined ? {} : { nonce }) },
      });
      return undefined;
    }
    lastWhole.set(key, performance.now());
  }
  const wanted = Array.isArray(userIds) ? userIds.map(String) : typeof userIds === "string" ? [userIds] : undefined;
  const everybody = [...guild.members.values()];
  let found: Member[];
  if (wanted !== undefined) found = everybody.filter((member) => wanted.slice(0, MAX_NAMED).includes(member.userId));
  else if (wholeGuild) found = everybody;
  else {
    const prefix = typeof query === "string" ? query.toLowerCase() : "";
    const most = Math.min(MAX_NAMED, typeof limit === "number" && limit > 0 ? limit : MAX_NAMED);
    found = everybody
      .filter(({ userId, nick }) => (nick ?? core.user(userId).username).toLowerCase().startsWith(prefix))
      .slice(0, most);
  }
  const chunks = Math.max(1, Math.ceil(found.length / CHUNK));
  for (let index = 0; index < chunks; index++) {
    dispatch("GUILD_MEMBERS_CHUNK", {
      guild_id: guild.id,
      members: found.slice(index * CHUNK, (index + 1) * CHUNK).map((member) => fullMemberWire(core, guild, member)),
      chunk_index: index,
      chunk_count: chunks,
      not_found: wanted?.filter((id) => !guild.members.has(id)) ?? [],
      ...(nonce === undefined ? {} : { nonce }),
    });
  }
  return undefined;
}
