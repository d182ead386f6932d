import type { Wire } from "../model/records.ts";
import { teamWire, userWire } from "../model/wire.ts";
import { ApiError } from "./api-error.ts";
import { type BotCall, type Handler, knownUser, page } from "./call.ts";

/** Who is who: the token's own identity, users, bots, the workspace. */
export const peopleMethods: Record<string, Handler> = {
  "auth.revoke": { auth: "bot", scopes: [], run: revoke },
  "users.info": { auth: "bot", scopes: ["users:read"], run: info },
  "users.list": { auth: "bot", scopes: ["users:read"], run: list },
  "bots.info": { auth: "bot", scopes: ["users:read"], run: botInfo },
  "team.info": { auth: "bot", scopes: ["team:read"], run: team },
};

function revoke(call: BotCall): Wire {
  if (call.args.flag("test") === true) return { revoked: false };
  call.installation.state = "revoked";
  return { revoked: true };
}

function info(call: BotCall): Wire {
  const id = call.args.needText("user");
  return { user: userWire(knownUser(call, id)) };
}

function list(call: BotCall): Wire {
  const users = call.core.world.usersOf(call.team.id);
  const { items, next } = page(users, call.args.text("cursor"), call.args.limit(200, 1000));
  return {
    members: items.map((user) => userWire(user)),
    cache_ts: Math.floor(call.core.nowMs() / 1000),
    response_metadata: { next_cursor: next },
  };
}

function botInfo(call: BotCall): Wire {
  const id = call.args.needText("bot");
  const found = call.core.world.installationsOf(call.team.id).find((one) => one.botId === id);
  if (found === undefined) throw new ApiError("bot_not_found");
  return { bot: { ...found.profile, deleted: found.state !== "active" } };
}

function team(call: BotCall): Wire {
  return { team: teamWire(call.team) };
}
