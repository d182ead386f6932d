import { type ConversationPath, conversationKey, type Sender } from "../../src/envelope/conversation.ts";
import { ENVELOPE_VERSION } from "../../src/envelope/envelope.ts";
import { personClass } from "./access.ts";
import type { InboundContext, RoomFacts } from "./inbound-context.ts";
import { isOwn } from "./inbound-context.ts";
import { asUserId, serverOf } from "./matrix-ids.ts";
import { asInteger, asRecord, type Raw } from "./raw.ts";

/** The last ms that ISO 8601 can say with four digits of a year. */
const MAX_TIME_MS = 253_402_300_799_999;

/** The part of an envelope that all kinds share. */
export function envelopeBase(
  context: InboundContext,
  event: Raw,
  sender: Sender,
  threadId: string | undefined,
  keyParts: readonly string[],
) {
  const { roomId } = context.room.state;
  const atMs = timeOf(event, context.nowMs());
  return {
    version: ENVELOPE_VERSION,
    organizationId: context.organizationId,
    installationId: context.installationId,
    platform: "matrix",
    conversation: conversationOf(context, threadId),
    sender,
    occurredAt: new Date(atMs).toISOString(),
    platformOrder: context.order(atMs),
    dedupeKey: JSON.stringify([context.installationId, ...keyParts]),
    orderingKey: conversationKey(context.installationId, roomId, threadId),
    traceId: context.newTraceId(),
  } as const;
}

/** When the event's server says that it happened, never later than now: a clock that is ahead moves nothing. */
export function timeOf(event: Raw, nowMs: number): number {
  const originMs = asInteger(event["origin_server_ts"]);
  return originMs === undefined || originMs < 0 || originMs > MAX_TIME_MS ? nowMs : Math.min(originMs, nowMs);
}

/** Where it was said. What is not known to be open is closed. */
export function conversationOf(context: InboundContext, threadId: string | undefined): ConversationPath {
  const { room } = context;
  const { state, spaces } = room;
  const [space, ...below] = spaces;
  const category = below.at(-1);
  const agents = agentsIn(context);
  const name = state.name ?? (room.direct ? otherName(context) : undefined);
  return {
    space:
      space === undefined
        ? { id: serverOf(context.userId) }
        : { id: space.id, ...(space.name === undefined ? {} : { name: space.name }) },
    ...(category === undefined
      ? {}
      : { category: { id: category.id, ...(category.name === undefined ? {} : { name: category.name }) } }),
    channel: {
      id: state.roomId,
      ...(name === undefined ? {} : { name }),
      kind: kindOf(context, room),
      external: isExternal(context, room),
      ...(agents === undefined ? {} : { agents }),
    },
    ...(threadId === undefined ? {} : { thread: { id: threadId } }),
  };
}

/** Agents whose puppets are in the room; undefined where the installation's own account is, which stands for all of them. */
function agentsIn(context: InboundContext): string[] | undefined {
  const { members } = context.room.state;
  const own = members.get(context.userId)?.membership;
  if (own === "join") return undefined;
  const handles: string[] = [];
  for (const [userId, member] of members) {
    const handle = member.membership === "join" ? context.agentOf(userId) : undefined;
    if (handle !== undefined && handles.length < 50) handles.push(handle);
  }
  return handles;
}

function kindOf(context: InboundContext, room: RoomFacts): ConversationPath["channel"]["kind"] {
  const { state } = room;
  if (room.direct) {
    let others = 0;
    for (const [userId, member] of state.members)
      if ((member.membership === "join" || member.membership === "invite") && !isOwn(context, userId)) others += 1;
    return others <= 1 ? "direct" : "group_direct";
  }
  return state.joinRule === "public" ? "public" : "private";
}

/** People of other servers are in it or may read it without being in it. */
function isExternal(context: InboundContext, { state }: RoomFacts): boolean {
  if (state.historyVisibility === "world_readable") return true;
  return state.someMember(
    (userId, member) => (member.membership === "join" || member.membership === "invite") && isForeign(context, userId),
  );
}

function isForeign(context: InboundContext, userId: string): boolean {
  const server = serverOf(userId);
  return server !== serverOf(context.userId) && !context.trustedServers.has(server);
}

function otherName(context: InboundContext): string | undefined {
  const others: string[] = [];
  for (const [userId, member] of context.room.state.members)
    if (!isOwn(context, userId) && others.length < 3) others.push(member.name ?? userId);
  return others.length === 0 ? undefined : others.join(", ").slice(0, 256);
}

/** Who acted. Matrix has no mark for bots: what speaks in notices counts as one, and is answered only when it names an agent. */
export function senderOf(context: InboundContext, event: Raw): Sender | undefined {
  const userId = asUserId(event["sender"]);
  if (userId === undefined) return undefined;
  const member = context.room.state.member(userId);
  const agent = context.agentOf(userId);
  const self = isOwn(context, userId);
  const notice = asRecord(event["content"])?.["msgtype"] === "m.notice";
  return {
    id: userId,
    kind:
      agent !== undefined ? "agent" : self || notice ? "bot" : isForeign(context, userId) ? "external_guest" : "human",
    ...(agent === undefined
      ? self
        ? {}
        : { memberClass: personClass(context.room.state, userId, isForeign(context, userId)) }
      : { agent }),
    name: member?.name ?? userId,
    ...(member?.avatarUrl?.startsWith("mxc://") ? { avatarUrl: member.avatarUrl } : {}),
    self,
  };
}
