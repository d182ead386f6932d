import type { KnownEvent } from "../../../adapters/matrix/event-index.ts";
import type { InboundContext } from "../../../adapters/matrix/inbound-context.ts";
import { translateEvent } from "../../../adapters/matrix/inbound-event.ts";
import { RoomOrder } from "../../../adapters/matrix/order.ts";
import type { Raw } from "../../../adapters/matrix/raw.ts";
import { RoomState } from "../../../adapters/matrix/room-state.ts";
import { agentIndex } from "../../../adapters/shared/agent-index.ts";
import { Envelope, type EnvelopeOf, type EventKind } from "../../../src/envelope/envelope.ts";

export const ROOM = "!room:parley.test";
export const BOT = "@parley:parley.test";
export const ALICE = "@alice:parley.test";
export const NOW_MS = Date.parse("2026-11-21T12:00:00.000Z");

const AGENTS = [
  { agentId: "a1", handle: "guide", name: "Guide" },
  { agentId: "a2", handle: "assistant", name: "Assistant" },
];

let events = 0;

/** An event as the homeserver sends it, of Alice unless said otherwise. */
export function eventOf(type: string, content: unknown, more: Record<string, unknown> = {}): Raw {
  events += 1;
  return {
    type,
    content,
    event_id: `$event${events}`,
    sender: ALICE,
    origin_server_ts: NOW_MS - 60_000 + events,
    ...more,
  };
}

export function text(body: string, more: Record<string, unknown> = {}): Raw {
  return eventOf("m.room.message", { msgtype: "m.text", body, "m.mentions": {}, ...more });
}

export function html(formatted: string, more: Record<string, unknown> = {}): Raw {
  return text("plain", { format: "org.matrix.custom.html", formatted_body: formatted, ...more });
}

export function stateOf(
  ...states: readonly (readonly [type: string, key: string, content: unknown, sender?: string])[]
): RoomState {
  const room = new RoomState(ROOM);
  for (const [type, key, content, sender] of states)
    room.take({ type, state_key: key, content, sender: sender ?? ALICE, event_id: "$s" });
  return room;
}

export function memberState(userId: string, more: Record<string, unknown> = {}) {
  return [
    "m.room.member",
    userId,
    { membership: "join", displayname: userId.slice(1).split(":")[0], ...more },
  ] as const;
}

export function contextOf(
  more: Partial<InboundContext> & { direct?: boolean; state?: RoomState } = {},
): InboundContext {
  const order = new RoomOrder();
  const { direct = false, state = stateOf(memberState(BOT), memberState(ALICE)), ...rest } = more;
  return {
    organizationId: "main",
    installationId: "inst_1",
    userId: BOT,
    botName: "Parley",
    command: "!parley",
    trustedServers: new Set(),
    agents: agentIndex(AGENTS),
    room: { state, direct, spaces: [] },
    agentOf: () => undefined,
    related: undefined,
    before: { membership: undefined, roomName: undefined },
    order: (ms) => order.next(ROOM, ms, NOW_MS),
    newTraceId: () => "0".repeat(32),
    nowMs: () => NOW_MS,
    ...rest,
  };
}

export function known(more: Partial<KnownEvent> = {}): KnownEvent {
  return {
    eventId: "$root",
    roomId: ROOM,
    sender: ALICE,
    type: "m.room.message",
    threadId: undefined,
    isEdit: false,
    reaction: undefined,
    ask: undefined,
    ...more,
  };
}

/** The envelope that an event becomes, as the schema reads it; fails when it becomes something else. */
export function envelopeOf<Kind extends EventKind>(kind: Kind, event: Raw, context = contextOf()): EnvelopeOf<Kind> {
  const translation = translateEvent(event, context);
  if (translation.outcome !== "envelope") throw new Error(`${translation.outcome}: ${translation.reason}`);
  const envelope = Envelope.parse(translation.envelope);
  if (envelope.kind !== kind) throw new Error(`it became ${envelope.kind}`);
  return envelope as EnvelopeOf<Kind>; // the line above says so
}
