import type { PersonFacts } from "./inbound-context.ts";
import { asId, asNumber, asRecord, asString, type Raw } from "./raw.ts";

/** Member flag of people who came through a guest invite. https://docs.discord.com/developers/resources/guild#guild-member-object-guild-member-flags */
const IS_GUEST = 1 << 4;
const AVATAR_HASH = /^[a-z0-9_]{1,64}$/iu;

/** Name, kind and picture of a user as people see them in the guild. */
export function personFacts(user: Raw, member?: Raw): PersonFacts {
  const name =
    asString(member?.["nick"]) ??
    asString(user["global_name"]) ??
    asString(user["username"]) ??
    asId(user["id"]) ??
    "unknown";
  const guest = ((asNumber(member?.["flags"]) ?? 0) & IS_GUEST) !== 0;
  const avatarUrl = avatarOf(user);
  return {
    name: name.slice(0, 256),
    kind: user["bot"] === true ? "bot" : guest ? "external_guest" : "human",
    ...(avatarUrl === undefined ? {} : { avatarUrl }),
  };
}

function avatarOf(user: Raw): string | undefined {
  const id = asId(user["id"]);
  const hash = asString(user["avatar"]);
  if (id === undefined || hash === undefined || !AVATAR_HASH.test(hash)) return undefined;
  return `https://cdn.discordapp.com/avatars/${id}/${hash}.png?size=128`;
}

/** Users that an event brings along with what their guild says of them. */
export function usersIn(message: Raw): readonly { readonly user: Raw; readonly member: Raw | undefined }[] {
  const author = asRecord(message["author"]);
  const named = Array.isArray(message["mentions"]) ? message["mentions"] : [];
  const found = author === undefined ? [] : [{ user: author, member: asRecord(message["member"]) }];
  for (const one of named) {
    const user = asRecord(one);
    if (user !== undefined) found.push({ user, member: asRecord(user["member"]) });
  }
  return found;
}
