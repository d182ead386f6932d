import { byApp } from "../effects/provenance.ts";
import { react, unreact } from "../effects/reactions.ts";
import type { Channel, Message, Wire } from "../model/records.ts";
import { ApiError } from "./api-error.ts";
import { type BotCall, type Handler } from "./call.ts";
import { reachableMessage } from "./history.ts";

export const reactionMethods: Record<string, Handler> = {
  "reactions.add": { auth: "bot", scopes: ["reactions:write"], run: add },
  "reactions.remove": { auth: "bot", scopes: ["reactions:write"], run: remove },
};

function add(call: BotCall): Wire {
  const { channel, message, name } = target(call);
  if (channel.archived) throw new ApiError("is_archived");
  if (!react(call.core, channel, message, name, byApp(call))) throw new ApiError("already_reacted");
  return {};
}

function remove(call: BotCall): Wire {
  const { channel, message, name } = target(call);
  if (!unreact(call.core, channel, message, name, byApp(call))) throw new ApiError("no_reaction");
  return {};
}

function target(call: BotCall): { channel: Channel; message: Message; name: string } {
  const name = call.args.needText("name");
  if (!/^[a-z0-9_+'-]+(?:::skin-tone-[2-6])?$/.test(name)) throw new ApiError("invalid_name");
  return { ...reachableMessage(call, "timestamp"), name };
}
