import type { Gateway } from "../gateway/gateway.ts";
import { guildPermissions } from "../model/permissions.ts";
import { applicationWire, channelWire, userWire } from "../model/wire.ts";
import { missing, refused } from "./api-error.ts";
import { asBot, type Handler, idParam, open, pageSize, textField } from "./call.ts";

/** Who the bot is, where the gateway is, and its direct messages. */
export function identityRoutes(gateway: Gateway): Record<string, Handler> {
  return {
    "GET /gateway": open(() => ({ url: gateway.url })),
    "GET /gateway/bot": asBot(({ core, application }) => ({
      url: gateway.url,
      shards: core.options.gateway.shards,
      session_start_limit: gateway.startLimit(application.id),
    })),
    "GET /users/@me": asBot(({ bot }) => ({
      ...userWire(bot),
      verified: true,
      mfa_enabled: true,
      email: null,
      locale: "en-US",
      flags: 0,
    })),
    "GET /users/@me/guilds": asBot((call) => {
      const limit = pageSize(call, 200, 200);
      const after = call.query.get("after") ?? "0";
      return call.core.world
        .guildsOf(call.bot.id)
        .filter((guild) => BigInt(guild.id) > BigInt(after))
        .toSorted((one, other) => (BigInt(one.id) < BigInt(other.id) ? -1 : 1))
        .slice(0, limit)
        .map((guild) => {
          const member = guild.members.get(call.bot.id);
          return {
            id: guild.id,
            name: guild.name,
            icon: null,
            banner: null,
            owner: guild.ownerId === call.bot.id,
            permissions: String(member === undefined ? 0n : guildPermissions(guild, member)),
            features: [],
          };
        });
    }),
    "POST /users/@me/channels": asBot((call) => {
      const recipient = textField(call.body, "recipient_id");
      if (recipient === undefined) throw missing("recipient_id");
      if (!call.core.world.users.has(recipient)) throw refused(10013);
      return channelWire(call.core, call.core.directChannel(call.bot.id, recipient), call.bot.id);
    }),
    "GET /users/:user": asBot((call) => {
      const user = call.core.world.users.get(idParam(call, "user"));
      if (user === undefined) throw refused(10013);
      return userWire(user);
    }),
    "GET /oauth2/applications/@me": asBot(({ core, application }) => applicationWire(core, application)),
    "GET /applications/@me": asBot(({ core, application }) => applicationWire(core, application)),
  };
}
