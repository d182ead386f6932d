import { addChannel, removeMember, tellMember } from "../effects/guilds.ts";
import { CHANNEL_TYPES, PERMISSIONS, type PermissionName, permissionBits } from "../model/bits.ts";
import { guildPermissions } from "../model/permissions.ts";
import type { Guild, Member } from "../model/records.ts";
import { channelWire, fullMemberWire, guildWire, roleWire } from "../model/wire.ts";
import { missing, refused } from "./api-error.ts";
import { asBot, type BotCall, guildOf, type Handler, idParam, NO_CONTENT, pageSize, textField } from "./call.ts";
import { readOverwrites } from "./channels.ts";

export const guildRoutes: Readonly<Record<string, Handler>> = {
  "GET /guilds/:guild": asBot((call) => {
    const guild = guildOf(call);
    const counts = { approximate_member_count: guild.members.size, approximate_presence_count: guild.members.size };
    return { ...guildWire(call.core, guild), ...(call.query.get("with_counts") === "true" ? counts : {}) };
  }),
  "GET /guilds/:guild/channels": asBot((call) => {
    const guild = guildOf(call);
    return call.core.world
      .channelsOf(guild.id)
      .filter((channel) => channel.thread === undefined)
      .map((channel) => channelWire(call.core, channel));
  }),
  "POST /guilds/:guild/channels": asBot((call) => {
    const guild = guildOf(call);
    needGuild(call, guild, "MANAGE_CHANNELS");
    const name = textField(call.body, "name");
    if (name === undefined) throw missing("name");
    const { type, parent_id: parentId } = call.body;
    const channel = addChannel(
      call.core,
      guild,
      {
        name,
        type: typeof type === "number" ? type : CHANNEL_TYPES.GUILD_TEXT,
        parentId: typeof parentId === "string" ? parentId : null,
        topic: textField(call.body, "topic") ?? null,
        overwrites: readOverwrites(call.body["permission_overwrites"]),
      },
      call.bot.id,
    );
    return channelWire(call.core, channel);
  }),
  "GET /guilds/:guild/roles": asBot((call) => [...guildOf(call).roles.values()].map(roleWire)),
  "GET /guilds/:guild/roles/:role": asBot((call) => {
    const role = guildOf(call).roles.get(idParam(call, "role"));
    if (role === undefined) throw refused(10011);
    return roleWire(role);
  }),
  "GET /guilds/:guild/members": asBot((call) => {
    const guild = guildOf(call);
    // All members at once are for apps with the intent alone.
    if (!call.application.privilegedIntents.has("GUILD_MEMBERS")) throw refused(50001);
    const after = BigInt(call.query.get("after") ?? "0");
    return [...guild.members.values()]
      .filter((member) => BigInt(member.userId) > after)
      .toSorted((one, other) => (BigInt(one.userId) < BigInt(other.userId) ? -1 : 1))
      .slice(0, pageSize(call, 1, 1_000))
      .map((member) => fullMemberWire(call.core, guild, member));
  }),
  "GET /guilds/:guild/members/search": asBot((call) => {
    const guild = guildOf(call);
    const query = (call.query.get("query") ?? "").toLowerCase();
    return [...guild.members.values()]
      .filter(({ userId, nick }) => (nick ?? call.core.user(userId).username).toLowerCase().startsWith(query))
      .slice(0, pageSize(call, 1, 1_000))
      .map((member) => fullMemberWire(call.core, guild, member));
  }),
  "GET /guilds/:guild/members/:user": asBot((call) => {
    const guild = guildOf(call);
    return fullMemberWire(call.core, guild, memberOf(call, guild));
  }),
  "PATCH /guilds/:guild/members/:user": asBot((call) => {
    const guild = guildOf(call);
    const member = memberOf(call, guild);
    const { communication_disabled_until: until, nick } = call.body;
    if (until !== undefined) {
      needGuild(call, guild, "MODERATE_MEMBERS");
      member.timeoutUntil = typeof until === "string" ? Date.parse(until) : null;
    }
    if (nick !== undefined) member.nick = typeof nick === "string" && nick !== "" ? nick : null;
    tellMember(call.core, guild, member);
    return fullMemberWire(call.core, guild, member);
  }),
  "DELETE /guilds/:guild/members/:user": asBot((call) => {
    const guild = guildOf(call);
    needGuild(call, guild, "KICK_MEMBERS");
    removeMember(call.core, guild, memberOf(call, guild).userId);
    return NO_CONTENT;
  }),
  "DELETE /users/@me/guilds/:guild": asBot((call) => {
    removeMember(call.core, guildOf(call), call.bot.id);
    return NO_CONTENT;
  }),
};

function memberOf(call: BotCall, guild: Guild): Member {
  const id = call.params["user"] === "@me" ? call.bot.id : idParam(call, "user");
  const member = guild.members.get(id);
  if (member === undefined) throw refused(call.core.world.users.has(id) ? 10007 : 10013);
  return member;
}

function needGuild(call: BotCall, guild: Guild, name: PermissionName): void {
  const member = guild.members.get(call.bot.id);
  const bits = member === undefined ? 0n : guildPermissions(guild, member);
  if ((bits & (permissionBits(name) | PERMISSIONS.ADMINISTRATOR)) === 0n) throw refused(50013);
}
