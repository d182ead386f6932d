import { conversationKey, type Sender } from "../../src/envelope/conversation.ts";
import { ENVELOPE_VERSION } from "../../src/envelope/envelope.ts";
import type { InboundContext, Place } from "./inbound-context.ts";
import { personFacts } from "./people.ts";
import { asId, asRecord, type Raw } from "./raw.ts";
import { msToSnowflake, snowflakeToMs, snowflakeToOrder } from "./snowflakes.ts";

/** The part of an envelope that all kinds share. `orderId` is a snowflake that sorts the event among those of its conversation. */
export function envelopeBase(
  context: InboundContext,
  place: Place,
  sender: Sender,
  orderId: string,
  keyParts: readonly string[],
) {
  return {
    version: ENVELOPE_VERSION,
    organizationId: context.organizationId,
    installationId: context.installationId,
    platform: "discord",
    conversation: { space: context.space, ...place },
    sender,
    occurredAt: new Date(snowflakeToMs(orderId)).toISOString(),
    platformOrder: snowflakeToOrder(orderId),
    dedupeKey: JSON.stringify([context.installationId, ...keyParts]),
    orderingKey: conversationKey(context.installationId, place.channel.id, place.thread?.id),
    traceId: context.newTraceId(),
  } as const;
}

/** Now as a snowflake, but never before the thing that the event is about: clocks differ. */
export function orderNow(context: InboundContext, aboutId?: string): string {
  const nowMs = context.nowMs();
  const about = aboutId === undefined ? 0 : snowflakeToMs(aboutId) + 1;
  return msToSnowflake(Math.max(nowMs, about));
}

/** A channel that is not known counts as private: what is not known to be open is closed. */
export function placeOf(context: InboundContext, channelId: string, direct: boolean): Place {
  if (direct) return { channel: { id: channelId, kind: "direct", external: false } };
  return context.place(channelId) ?? { channel: { id: channelId, kind: "private", external: false } };
}

/** Who acted, from a user object and what the guild says of the member. */
export function personSender(context: InboundContext, user: Raw, member?: Raw): Sender | undefined {
  const id = asId(user["id"]);
  if (id === undefined) return undefined;
  const { name, kind, avatarUrl } = personFacts(user, member);
  const self = id === context.botUserId;
  const memberClass = self || kind === "bot" ? undefined : context.memberClass(id, user, member);
  return {
    id,
    name,
    kind: self ? "bot" : kind,
    ...(memberClass === undefined ? {} : { memberClass }),
    ...(avatarUrl === undefined ? {} : { avatarUrl }),
    self,
  };
}

/** Who acted, from an id alone. */
export function senderOfId(context: InboundContext, userId: string): Sender {
  const known = context.person(userId);
  const self = userId === context.botUserId;
  const memberClass = self || known?.kind === "bot" ? undefined : context.memberClass(userId);
  return {
    id: userId,
    kind: self ? "bot" : (known?.kind ?? "human"),
    ...(memberClass === undefined ? {} : { memberClass }),
    ...(known === undefined ? {} : { name: known.name }),
    ...(known?.avatarUrl === undefined ? {} : { avatarUrl: known.avatarUrl }),
    self,
  };
}

/**
 * Who wrote a message: people, bots, webhooks, and by account or application this installation itself.
 *
 * A message of a webhook has the webhook's id as its author's; whose it is, its application says.
 */
export function messageSender(context: InboundContext, message: Raw): Sender | undefined {
  const author = asRecord(message["author"]);
  const sender = author === undefined ? undefined : personSender(context, author, asRecord(message["member"]));
  if (sender === undefined) return undefined;
  const webhookId = asId(message["webhook_id"]);
  if (webhookId === undefined) return sender;
  return { ...sender, kind: "bot", self: asId(message["application_id"]) === context.applicationId };
}
