import type { MemberProfile } from "../../src/contracts/adapter-features.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { asUserId, serverOf } from "./matrix-ids.ts";
import { asRecord, asString } from "./raw.ts";

/** Everybody who is in the room now, as the homeserver says. People of other servers are external guests. */
export async function readMembers(
  account: Account,
  roomId: string,
  signal: AbortSignal,
): Promise<readonly MemberProfile[]> {
  await account.rooms.ensure(roomId);
  const answer = await account.call({
    method: "GET",
    label: "joined members",
    path: clientPath("rooms", roomId, "joined_members"),
    asUser: account.rooms.readerOf(roomId),
    signal,
  });
  const trusted = new Set([account.server, ...account.config.trustedServers]);
  return Object.entries(asRecord(answer["joined"]) ?? {}).flatMap(([key, value]): MemberProfile[] => {
    const id = asUserId(key);
    if (id === undefined) return [];
    const profile = asRecord(value);
    const avatarUrl = asString(profile?.["avatar_url"]);
    const self = account.isOwn(id);
    return [
      {
        id,
        name: asString(profile?.["display_name"])?.slice(0, 256) ?? id,
        kind: self ? "bot" : trusted.has(serverOf(id)) ? "human" : "external_guest",
        self,
        ...(avatarUrl === undefined ? {} : { avatarUrl: avatarUrl.slice(0, 2_048) }),
      },
    ];
  });
}
