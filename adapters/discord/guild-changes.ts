import type { Guild } from "./guild.ts";
import { isThreadType } from "./guild.ts";
import { type InboundContext, ignored, type Place, type Translation } from "./inbound-context.ts";
import { translateChannel, translateThread, translateVisibility } from "./inbound-guild.ts";
import { asId, asList, asRecord, type Raw } from "./raw.ts";
import { visibleChannels } from "./visibility.ts";
import { differenceOf } from "./visible-channels.ts";

/** Event types that are known and change nothing here. */
const OF_NO_INTEREST = new Set([
  "TYPING_START",
  "PRESENCE_UPDATE",
  "VOICE_STATE_UPDATE",
  "CHANNEL_PINS_UPDATE",
  "WEBHOOKS_UPDATE",
  "INTEGRATION_CREATE",
  "INTEGRATION_UPDATE",
  "INTEGRATION_DELETE",
  "GUILD_EMOJIS_UPDATE",
  "GUILD_STICKERS_UPDATE",
  "APPLICATION_COMMAND_PERMISSIONS_UPDATE",
  "MESSAGE_REACTION_REMOVE_ALL",
  "MESSAGE_REACTION_REMOVE_EMOJI",
]);

/** Takes an event into what is known of the guild, and says what it means for conversations and for who can see them. */
export function applyChange(type: string, data: Raw, guild: Guild, context: InboundContext): readonly Translation[] {
  switch (type) {
    case "CHANNEL_CREATE":
    case "CHANNEL_UPDATE":
    case "CHANNEL_DELETE":
      return channelChanged(type, data, guild, context);
    case "THREAD_CREATE":
      guild.putThread(data);
      return [translateThread(data, context, guild)];
    case "THREAD_UPDATE":
      guild.putThread(data);
      return [ignored("thread noted")];
    case "THREAD_DELETE":
      guild.threads.delete(asId(data["id"]) ?? "");
      return [ignored("thread noted")];
    case "THREAD_LIST_SYNC":
      for (const thread of asList(data["threads"])) guild.putThread(asRecord(thread));
      return [ignored("threads noted")];
    case "THREAD_MEMBER_UPDATE":
    case "THREAD_MEMBERS_UPDATE":
      return [ignored("members of threads are asked for when it matters")];
    case "GUILD_UPDATE":
      return selfChange(guild, context, () => guild.loadHead(data), "guild noted");
    case "GUILD_ROLE_CREATE":
    case "GUILD_ROLE_UPDATE":
      return selfChange(guild, context, () => guild.putRole(asRecord(data["role"])), "role noted");
    case "GUILD_ROLE_DELETE":
      return selfChange(guild, context, () => guild.roles.delete(asId(data["role_id"]) ?? ""), "role noted");
    case "GUILD_MEMBER_ADD":
    case "GUILD_MEMBER_UPDATE":
    case "GUILD_MEMBER_REMOVE":
      return memberChanged(type, data, guild, context);
    default:
      return [ignored(OF_NO_INTEREST.has(type) ? `${type} changes nothing here` : `event type ${type.slice(0, 64)}`)];
  }
}

function channelChanged(type: string, data: Raw, guild: Guild, context: InboundContext): readonly Translation[] {
  const id = asId(data["id"]) ?? "";
  if (isThreadType(data["type"])) return [ignored("a thread")];
  const before = { name: guild.nameTold(id), place: guild.place(id) };
  const kind = type === "CHANNEL_CREATE" ? "created" : type === "CHANNEL_UPDATE" ? "updated" : "deleted";
  const apply = (): void => {
    if (kind === "deleted") guild.channels.delete(id);
    else guild.tellChannel(data);
  };
  const visibility = seenBySelf(
    guild,
    context,
    apply,
    before.place === undefined ? new Map() : new Map([[id, before.place]]),
  );
  const change = translateChannel(kind, data, context, before);
  // What a channel is called matters before who is in it, and that it is gone says the rest.
  return kind === "deleted" ? [change] : [change, ...visibility];
}

function selfChange(
  guild: Guild,
  context: InboundContext,
  apply: () => unknown,
  reason: string,
): readonly Translation[] {
  const changes = seenBySelf(guild, context, apply, new Map());
  return changes.length > 0 ? changes : [ignored(reason)];
}

/** What the bot itself came to see, or ceased to, by a change. */
function seenBySelf(
  guild: Guild,
  context: InboundContext,
  apply: () => unknown,
  placesBefore: ReadonlyMap<string, Place>,
): readonly Translation[] {
  const nowMs = context.nowMs();
  const before = visibleChannels(guild, context.botUserId, nowMs);
  apply();
  const change = differenceOf(before, visibleChannels(guild, context.botUserId, nowMs));
  return translateVisibility(
    { memberId: context.botUserId, ...change },
    context,
    (id) => placesBefore.get(id) ?? context.place(id),
  );
}

function memberChanged(type: string, data: Raw, guild: Guild, context: InboundContext): readonly Translation[] {
  const memberId = asId(asRecord(data["user"])?.["id"]);
  if (memberId === undefined) return [ignored("a member without an id")];
  const nowMs = context.nowMs();
  const known = guild.member(memberId) !== undefined;
  const before = visibleChannels(guild, memberId, nowMs);
  if (type === "GUILD_MEMBER_REMOVE") {
    // Of somebody whose roles were not known, everything that there is to leave is left.
    const lost = known ? [...before] : guild.talkChannels().map((channel) => channel.id);
    const left = translateVisibility({ memberId, gained: [], lost }, context);
    guild.forgetMember(memberId);
    return left;
  }
  guild.putMember(data);
  const after = visibleChannels(guild, memberId, nowMs);
  if (type === "GUILD_MEMBER_UPDATE" && !known) return [ignored("member noted")];
  const change = differenceOf(before, after);
  const changes = translateVisibility({ memberId, ...change }, context);
  return changes.length > 0 ? changes : [ignored("member noted")];
}
