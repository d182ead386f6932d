import type { Channel, Message, Wire } from "../model/records.ts";
import { microsOf } from "../model/timestamps.ts";
import { messageWire } from "../model/wire.ts";
import { ApiError } from "./api-error.ts";
import {
  type BotCall,
  cursorAt,
  existingMessage,
  type Handler,
  memberChannel,
  needScope,
  page,
  scopeFamily,
} from "./call.ts";

const HISTORY_SCOPES = ["channels:history", "groups:history", "im:history", "mpim:history"];

/** Reading back what was written: the way in which a sender reconciles an unknown result. */
export const historyMethods: Record<string, Handler> = {
  "conversations.history": { auth: "bot", scopes: HISTORY_SCOPES, run: history },
  "conversations.replies": { auth: "bot", scopes: HISTORY_SCOPES, run: replies },
};

function readable(call: BotCall): Channel {
  const channel = memberChannel(call, call.args.needText("channel"));
  needScope(call, `${scopeFamily(channel)}:history`);
  return channel;
}

/** Newest first; a reply shows only when it was broadcast. */
function history(call: BotCall): Wire {
  const channel = readable(call);
  const { args } = call;
  const bounds = boundsOf(call);
  const limit = args.limit(100, 999);
  const withMetadata = args.flag("include_all_metadata") === true;
  let below = Number.POSITIVE_INFINITY;
  const cursor = args.text("cursor");
  if (cursor !== undefined) {
    below = Number(/^next:(\d+)$/.exec(Buffer.from(cursor, "base64").toString())?.[1] ?? Number.NaN);
    if (Number.isNaN(below)) throw new ApiError("invalid_cursor");
  }
  const found: Message[] = [];
  let hasMore = false;
  for (let index = channel.messages.length - 1; index >= 0; index--) {
    const message = channel.messages[index];
    if (message === undefined) break;
    const micros = microsOf(message.ts);
    if (isBefore(micros, bounds)) break;
    if (micros >= below || !isWithin(micros, bounds) || !isListed(message)) continue;
    if (found.length === limit) {
      hasMore = true;
      break;
    }
    found.push(message);
  }
  const last = found.at(-1);
  return {
    messages: found.map((message) => shown(message, channel, withMetadata)),
    has_more: hasMore,
    pin_count: 0,
    channel_actions_ts: null,
    channel_actions_count: 0,
    ...(hasMore && last !== undefined ? { response_metadata: { next_cursor: cursorAt(microsOf(last.ts)) } } : {}),
  };
}

/** The root first, then its replies, oldest first. */
function replies(call: BotCall): Wire {
  const channel = readable(call);
  const { args } = call;
  const bounds = boundsOf(call);
  const named = channel.byTs.get(args.needText("ts"));
  if (named === undefined) throw new ApiError("thread_not_found");
  const root = named.threadTs === undefined ? named : (channel.byTs.get(named.threadTs) ?? named);
  const withMetadata = args.flag("include_all_metadata") === true;
  const inBounds = (root.replies ?? []).filter((reply) => {
    const micros = microsOf(reply.ts);
    return reply.deleted !== true && !isBefore(micros, bounds) && isWithin(micros, bounds);
  });
  if (root.deleted === true && root.replies === undefined) throw new ApiError("thread_not_found");
  const { items, next } = page([root, ...inBounds], args.text("cursor"), args.limit(1000, 1000));
  return {
    messages: items.map((message) => ({
      ...shown(message, channel, withMetadata),
      ...(message === root ? {} : { parent_user_id: root.author.userId }),
    })),
    has_more: next !== "",
    ...(next === "" ? {} : { response_metadata: { next_cursor: next } }),
  };
}

/** A message for a reaction or a link: it must exist and the bot must be in the channel. */
export function reachableMessage(call: BotCall, tsName: string): { channel: Channel; message: Message } {
  const channel = memberChannel(call, call.args.needText("channel"));
  return { channel, message: existingMessage(channel, call.args.needText(tsName)) };
}

interface Bounds {
  readonly oldest: number;
  readonly latest: number;
  readonly inclusive: boolean;
}

function boundsOf(call: BotCall): Bounds {
  const oldest = call.args.text("oldest");
  const latest = call.args.text("latest");
  const bounds = {
    oldest: oldest === undefined ? Number.NEGATIVE_INFINITY : microsOf(oldest),
    latest: latest === undefined ? Number.POSITIVE_INFINITY : microsOf(latest),
    inclusive: call.args.flag("inclusive") === true,
  };
  if (Number.isNaN(bounds.oldest)) throw new ApiError("invalid_ts_oldest");
  if (Number.isNaN(bounds.latest)) throw new ApiError("invalid_ts_latest");
  return bounds;
}

function isBefore(micros: number, bounds: Bounds): boolean {
  return bounds.inclusive ? micros < bounds.oldest : micros <= bounds.oldest;
}

function isWithin(micros: number, bounds: Bounds): boolean {
  return bounds.inclusive ? micros <= bounds.latest : micros < bounds.latest;
}

function isListed(message: Message): boolean {
  if (message.threadTs !== undefined && message.broadcast !== true) return false;
  return message.deleted !== true || message.replies?.some((reply) => reply.deleted !== true) === true;
}

/** A deleted root whose replies still stand shows as a tombstone. */
function shown(message: Message, channel: Channel, withMetadata: boolean): Wire {
  if (message.deleted !== true) return messageWire(message, channel.teamId, withMetadata);
  const { ts, thread_ts, reply_count, latest_reply } = messageWire(message, channel.teamId);
  return {
    type: "message",
    subtype: "tombstone",
    text: "This message was deleted.",
    user: "USLACKBOT",
    hidden: true,
    ts,
    thread_ts,
    reply_count,
    latest_reply,
  };
}
