import { setTimeout as pause } from "node:timers/promises";
import { CALLS, type FaultProxy, type PushRouter } from "../../../support/matrix/index.ts";
import type { Answer } from "../harness.ts";

/** Longest time until an event was delivered and answered for, in ms. */
const GIVEN_UP_MS = 15_000;
/** After this time without anybody who asks for events, none will be delivered, in ms. */
const NOBODY_ASKS_MS = 1_500;

/** Tells what became of the homeserver's handing out an event. */
export interface Deliveries {
  answerOf(eventId: string): Promise<Answer>;
  /** The homeserver hands out once more what it handed out with this event. */
  again(eventId: string): Promise<void>;
  /** Puts an event into a room's timeline that nobody sent. */
  inject(roomId: string, event: unknown): Promise<Answer>;
}

interface Handout {
  readonly since: string | null;
  readonly next: string;
  readonly eventIds: ReadonlySet<string>;
  /** Place of the call in the proxy's log. */
  readonly at: number;
}

interface SyncAnswer {
  readonly next_batch: string;
  readonly rooms?: Partial<Record<"join" | "leave" | "invite", Record<string, SyncRoom>>>;
}

interface SyncRoom {
  readonly timeline?: { readonly events?: readonly { readonly event_id?: string }[] };
}

/**
 * Of a sync: an event is acknowledged by the call that goes on after the answer with the event in it, and refused by one that asks
 * for the same again, or by none at all.
 */
export function syncDeliveries(proxy: FaultProxy, token: string, stir: () => Promise<unknown>): Deliveries {
  const handouts: Handout[] = [];
  const match = { path: CALLS.sync, token };
  proxy.onAnswer((entry) => {
    if (!CALLS.sync.test(entry.path) || entry.token !== token || entry.status !== 200) return;
    const answer = readAnswer(entry.answer ?? Buffer.from("{}"));
    const at = proxy.log.entries.indexOf(entry);
    if (answer !== undefined) handouts.push({ since: entry.query.get("since"), ...answer, at });
  });
  const settled = async (find: () => Handout | undefined): Promise<Answer> => {
    const deadlineMs = performance.now() + GIVEN_UP_MS;
    let quietSinceMs = performance.now();
    while (performance.now() < deadlineMs) {
      const handout = find();
      const calls = proxy.log.of(match);
      const next = handout && calls.find((call) => proxy.log.entries.indexOf(call) > handout.at);
      if (handout !== undefined && next !== undefined)
        return next.query.get("since") === handout.next ? "acknowledged" : "refused";
      const waits = calls.some((call) => call.status === undefined && performance.now() - call.atMs < GIVEN_UP_MS);
      if (waits && handout === undefined) quietSinceMs = performance.now();
      if (performance.now() - quietSinceMs > NOBODY_ASKS_MS) return "refused";
      await pause(5);
    }
    throw new Error("the homeserver did not come to an end with an event");
  };
  return {
    answerOf: (eventId) => settled(() => handouts.find((handout) => handout.eventIds.has(eventId))),
    again: async (eventId) => {
      const first = handouts.find((handout) => handout.eventIds.has(eventId));
      if (first === undefined) throw new Error("the event was not handed out");
      const since = first.since;
      const rewound = Promise.withResolvers<void>();
      proxy.redirect((call) => {
        if (!CALLS.sync.test(call.path) || call.token !== token || since === null) return;
        proxy.redirect(() => undefined);
        call.query.set("since", since);
        rewound.resolve();
      });
      // The call that waits now has to end before the next one can be rewound.
      proxy.interrupt(match, (answer) => answer);
      await rewound.promise;
    },
    inject: async (roomId, event) => {
      // Without anything new the position would stay, and going on could not be told from asking again.
      await stir();
      const injected = Promise.withResolvers<number>();
      proxy.interrupt(match, (answer) => {
        injected.resolve(handouts.length);
        return withEvent(answer, roomId, event);
      });
      // One loop asks, so the next answer is this one.
      const place = await injected.promise;
      return await settled(() => handouts[place]);
    },
  };
}

/** Of an application service: the homeserver pushes, and 200 is its receipt. */
export function pushDeliveries(router: PushRouter, service: string): Deliveries {
  let made = 0;
  return {
    answerOf: async (eventId) => {
      const deadlineMs = performance.now() + GIVEN_UP_MS;
      while (performance.now() < deadlineMs) {
        const push = router.pushes.find((one) => one.service === service && one.eventIds.includes(eventId));
        if (push?.status !== undefined) return push.status === 200 ? "acknowledged" : "refused";
        await pause(5);
      }
      throw new Error("the homeserver did not push an event");
    },
    again: async (eventId) => {
      const push = router.pushes.find((one) => one.service === service && one.eventIds.includes(eventId));
      if (push === undefined) throw new Error("the event was not pushed");
      made += 1;
      await router.push(service, `again-${made}-${push.txnId}`, push.body);
    },
    inject: async (roomId, event) => {
      made += 1;
      const placed = isObject(event) ? { room_id: roomId, ...event } : event;
      const status = await router.push(service, `made-up-${made}-${Date.now()}`, JSON.stringify({ events: [placed] }));
      return status === 200 ? "acknowledged" : "refused";
    },
  };
}

function readAnswer(bytes: Buffer): { next: string; eventIds: ReadonlySet<string> } | undefined {
  try {
    const { next_batch: next, rooms } = JSON.parse(bytes.toString()) as SyncAnswer; // Synapse's own form
    const sections = [rooms?.join, rooms?.leave].flatMap((section) => Object.values(section ?? {}));
    const ids = sections.flatMap((room) => (room.timeline?.events ?? []).map((event) => event?.event_id));
    return { next, eventIds: new Set(ids.filter((id) => typeof id === "string")) };
  } catch {
    return undefined;
  }
}

function withEvent(answer: Buffer, roomId: string, event: unknown): string {
  const body = JSON.parse(answer.toString()) as SyncAnswer; // Synapse's own form
  const join = body.rooms?.join ?? {};
  const events = [...(join[roomId]?.timeline?.events ?? []), event];
  const room = { ...join[roomId], timeline: { limited: false, ...join[roomId]?.timeline, events } };
  return JSON.stringify({ ...body, rooms: { ...body.rooms, join: { ...join, [roomId]: room } } });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
