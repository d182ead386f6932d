import type { MemberClass } from "../../src/contracts/access.ts";
import { type ConversationPath, conversationKey, type Sender } from "../../src/envelope/conversation.ts";
import { ENVELOPE_VERSION } from "../../src/envelope/envelope.ts";
import type { InboundContext } from "./inbound-context.ts";
import { asId, asRecord, asString, type Raw } from "./raw.ts";
import { tsToIso, tsToOrder } from "./timestamps.ts";

export interface Place {
  readonly channelId: string;
  readonly channelType?: string | undefined;
  readonly channelName?: string | undefined;
  readonly threadId?: string | undefined;
  readonly external?: boolean | undefined;
}

type ChannelKind = ConversationPath["channel"]["kind"];

const KINDS: Readonly<Record<string, ChannelKind>> = {
  channel: "public",
  C: "public",
  group: "private",
  G: "private",
  im: "direct",
  D: "direct",
  app_home: "direct",
  mpim: "group_direct",
};

/** The part of an envelope that all kinds share. `orderTs` sorts the event among those of its conversation. */
export function envelopeBase(
  context: InboundContext,
  place: Place,
  sender: Sender,
  orderTs: string,
  keyParts: readonly string[],
) {
  return {
    version: ENVELOPE_VERSION,
    organizationId: context.organizationId,
    installationId: context.installationId,
    platform: "slack",
    conversation: conversationOf(context, place),
    sender,
    occurredAt: tsToIso(orderTs),
    platformOrder: tsToOrder(orderTs),
    dedupeKey: JSON.stringify([context.installationId, ...keyParts]),
    orderingKey: conversationKey(context.installationId, place.channelId, place.threadId),
    traceId: context.newTraceId(),
  } as const;
}

/** Unknown channels count as private: what is not known to be open is closed. */
export function conversationOf(context: InboundContext, place: Place): ConversationPath {
  const facts = context.channel(place.channelId);
  const kind =
    KINDS[place.channelType ?? ""] ?? facts?.kind ?? (place.channelId.startsWith("D") ? "direct" : "private");
  const name = place.channelName ?? facts?.name;
  return {
    space: { id: context.teamId, name: context.teamName },
    channel: {
      id: place.channelId,
      ...(name === undefined ? {} : { name }),
      kind,
      external: (place.external ?? false) || (facts?.external ?? false),
    },
    ...(place.threadId === undefined ? {} : { thread: { id: place.threadId } }),
  };
}

/** Who acted, from a user id alone. */
export function personSender(context: InboundContext, userId: string, shownName?: string): Sender {
  const facts = context.person(userId);
  const name = facts?.name ?? shownName;
  return {
    id: userId,
    kind: userId === context.botUserId ? "bot" : (facts?.kind ?? "human"),
    ...classOf(facts?.memberClass),
    ...(name === undefined ? {} : { name }),
    ...(facts?.avatarUrl === undefined ? {} : { avatarUrl: facts.avatarUrl }),
    self: userId === context.botUserId,
  };
}

/** Who wrote a message: people, bots, guests, and by any of its three identities this installation itself. */
export function messageSender(context: InboundContext, message: Raw): Sender | undefined {
  const userId = asId(message["user"]);
  const botId = asId(message["bot_id"]);
  const id = userId ?? botId;
  if (id === undefined) return undefined;
  const profile = asRecord(message["user_profile"]);
  const botProfile = asRecord(message["bot_profile"]);
  const appId = asId(message["app_id"]) ?? asId(botProfile?.["app_id"]);
  const self =
    userId === context.botUserId ||
    (botId !== undefined && botId === context.botId) ||
    (appId !== undefined && appId === context.appId && botId !== undefined);
  const known = userId === undefined ? undefined : context.person(userId);
  const name =
    asString(message["username"]) ??
    known?.name ??
    (asString(profile?.["display_name"]) || asString(profile?.["real_name"]) || asString(profile?.["name"])) ??
    asString(botProfile?.["name"]);
  const bot = self || botId !== undefined || message["subtype"] === "bot_message" || known?.kind === "bot";
  const told = toldClass(context, message, profile);
  const memberClass = told === "guest" && known?.memberClass === "external" ? "external" : (told ?? known?.memberClass);
  return {
    id,
    kind: bot ? "bot" : memberClass === "guest" || memberClass === "external" ? "external_guest" : "human",
    ...(self ? {} : classOf(memberClass)),
    ...(name === undefined ? {} : { name: name.slice(0, 256) }),
    ...(known?.avatarUrl === undefined ? {} : { avatarUrl: known.avatarUrl }),
    self,
  };
}

/** People of another workspace (Slack Connect) and restricted accounts, as far as the event itself says. */
function toldClass(context: InboundContext, message: Raw, profile: Raw | undefined): "external" | "guest" | undefined {
  const home = asId(message["user_team"]) ?? asId(message["source_team"]) ?? asId(profile?.["team"]);
  const foreign =
    home !== undefined && home.startsWith("T") && context.teamId.startsWith("T") && home !== context.teamId;
  if (foreign || profile?.["is_stranger"] === true) return "external";
  return profile?.["is_restricted"] === true || profile?.["is_ultra_restricted"] === true ? "guest" : undefined;
}

/** What of a class an envelope tells. */
function classOf(memberClass: MemberClass | undefined): Pick<Sender, "memberClass"> {
  return memberClass === undefined || memberClass === "bot" || memberClass === "agent" ? {} : { memberClass };
}
