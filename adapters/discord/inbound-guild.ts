import type { Guild } from "./guild.ts";
import { isTalkType } from "./guild.ts";
import { type InboundContext, ignored, malformed, type Place, type Translation, taken } from "./inbound-context.ts";
import { envelopeBase, orderNow, placeOf, senderOfId } from "./inbound-envelope.ts";
import { asId, asRecord, asString, type Raw } from "./raw.ts";
import { snowflakeToMs } from "./snowflakes.ts";

const NOBODY = { id: "unknown", kind: "human", self: false } as const;

/** Where one member came to see channels, or ceased to. */
export interface VisibilityChange {
  readonly memberId: string;
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

/** Joins and leaves of one member, channel by channel: membership is judged per channel, not per guild. */
export function translateVisibility(
  change: VisibilityChange,
  context: InboundContext,
  placeBefore: (channelId: string) => Place | undefined = context.place,
): Translation[] {
  const { memberId } = change;
  const self = memberId === context.botUserId;
  const sender = senderOfId(context, memberId);
  const base = (kind: string, channelId: string, place: Place) =>
    envelopeBase(context, place, sender, orderNow(context), [kind, channelId, memberId, context.deliveryKey]);
  const lost = change.lost.map((channelId) => {
    const place = placeBefore(channelId) ?? placeOf(context, channelId, false);
    return taken({ ...base("member_left", channelId, place), kind: "member_left", body: { memberId, self } });
  });
  const gained = change.gained.map((channelId) => {
    const memberName = sender.name === undefined ? {} : { memberName: sender.name };
    return taken({
      ...base("member_joined", channelId, placeOf(context, channelId, false)),
      kind: "member_joined",
      body: { memberId, self, ...memberName },
    });
  });
  return [...lost, ...gained];
}

/** Translates CHANNEL_CREATE, CHANNEL_UPDATE and CHANNEL_DELETE; `before` is the name that was known. */
export function translateChannel(
  kind: "created" | "updated" | "deleted",
  channel: Raw,
  context: InboundContext,
  before: { readonly name: string | undefined; readonly place: Place | undefined },
): Translation {
  const channelId = asId(channel["id"]);
  if (channelId === undefined) return malformed("channel without an id");
  if (!isTalkType(channel["type"])) return ignored("a channel in which nothing is said");
  const name = asString(channel["name"])?.slice(0, 256);
  if (kind !== "deleted" && name === undefined) return malformed("channel without a name");
  const place = (kind === "deleted" ? before.place : context.place(channelId)) ?? placeOf(context, channelId, false);
  if (kind === "deleted") {
    const base = envelopeBase(context, place, NOBODY, orderNow(context, channelId), ["channel_deleted", channelId]);
    return taken({ ...base, kind: "channel_archived", body: { archived: true } });
  }
  if (kind === "created") {
    const base = envelopeBase(context, place, NOBODY, channelId, ["channel_created", channelId]);
    return taken({ ...base, kind: "channel_created", body: { name: name ?? channelId } });
  }
  // Without a name before, it may be the new one already: it was read after the change, and the change comes only now.
  if (before.name === name) return ignored("change other than of the name");
  const key = ["channel_renamed", channelId, context.deliveryKey];
  const base = envelopeBase(context, place, NOBODY, orderNow(context, channelId), key);
  return taken({ ...base, kind: "channel_renamed", body: { name: name ?? channelId } });
}

/** Translates THREAD_CREATE; it comes too when the bot is added to a thread that was there before. */
export function translateThread(thread: Raw, context: InboundContext, guild: Guild | undefined): Translation {
  const threadId = asId(thread["id"]);
  if (threadId === undefined) return malformed("thread without an id");
  if (thread["newly_created"] !== true) return ignored("a thread that was there before");
  const place = context.place(threadId);
  if (place?.thread === undefined) return ignored("a thread of an unknown channel");
  const ownerId = asId(thread["owner_id"]);
  const sender = ownerId === undefined ? NOBODY : senderOfId(context, ownerId);
  const name = asString(thread["name"])?.slice(0, 256);
  const parent = guild?.channels.get(place.channel.id);
  // A thread that was made from a message has that message's id, and it is not newer than the message.
  const rooted = parent?.lastMessageId === threadId || snowflakeToMs(threadId) < createdAtMs(thread) - 1_000;
  return taken({
    ...envelopeBase(context, place, sender, threadId, ["thread_created", threadId]),
    kind: "thread_created",
    body: {
      ...(name === undefined ? {} : { name }),
      ...(rooted ? { rootMessageId: threadId } : {}),
    },
  });
}

function createdAtMs(thread: Raw): number {
  const at = Date.parse(asString(asRecord(thread["thread_metadata"])?.["create_timestamp"]) ?? "");
  return Number.isNaN(at) ? 0 : at;
}

/** The bot came to see a channel or ceased to, or a channel that it may have seen is gone. */
export function isAboutSelf(translation: Translation): boolean {
  if (translation.outcome !== "envelope") return false;
  const { kind, body } = translation.envelope;
  if (kind === "member_joined" || kind === "member_left") return body.self === true;
  return kind === "channel_archived";
}
