import { setTimeout as delay } from "node:timers/promises";
import { matrixRegistration, newRegistrationToken } from "../../src/app.ts";
import {
  type FaultProxy,
  isRedacted,
  type MatrixAccount,
  MatrixPerson,
  PushRouter,
  type RoomEvent,
  RoomLog,
  relationOf,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../support/matrix/index.ts";
import type { ParleyOptions, ParleyProcess, RunAgents } from "../support/parley/index.ts";
import { freePort } from "../support/servers/index.ts";
import { type Asked, checkHistory, type LogEntry } from "../support/slack/index.ts";
import type { Outcome } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { type JudgedHistory, type JudgedScene, type JudgeOptions, judge } from "./verdict.ts";

/** Longest time without another answer, in ms. */
const SETTLE_MS = 90_000;
/** Two answers for one room may leave side by side, from a busy machine; a pause that is not heeded is seconds too early. */
const IN_FLIGHT_MS = 250;
const JOIN_MS = 60_000;
/** What the application service is called on its way. */
export const SERVICE = "parley";

export interface MatrixSceneOptions {
  readonly mode?: "bot" | "service";
  readonly rooms?: number;
  /** The homeserver limits accounts as Synapse does by itself, and Parley paces its writes accordingly. Default false. */
  readonly limited?: boolean;
  readonly agents?: RunAgents;
}

export interface MatrixPlace {
  readonly roomId: string;
  readonly person: MatrixPerson;
  /** Event id of the root. */
  readonly thread?: string;
}

/** A real homeserver with people who ask, a proxy between it and Parley, and the processes that a scenario starts and kills. */
export interface MatrixScene extends JudgedScene {
  readonly synapse: Synapse;
  readonly proxy: FaultProxy;
  /** Rooms, and a thread in each. There are none before `start`. */
  readonly places: readonly MatrixPlace[];
  /** Whom people ask. */
  readonly account: string;
  /** The way from the homeserver to the application service. */
  readonly router: PushRouter;
  /** What the homeserver shows of the rooms, by the eyes of somebody who is in them. */
  readonly log: RoomLog;
  start(more?: Partial<ParleyOptions>): Promise<ParleyProcess>;
  /** Gives the event id. With `ageMs` the event is one of the past, by its own time. */
  say(place: MatrixPlace, token: string, more?: { readonly extra?: string; readonly ageMs?: number }): Promise<string>;
  /** Changes a question, which has the new token from then on. */
  edit(eventId: string, token: string, more?: { readonly extra?: string }): Promise<void>;
  ask(count: number, perSecond: number): Promise<void>;
  settle(without?: (token: string) => boolean): Promise<void>;
  judge(options?: JudgeOptions): Promise<Outcome>;
}

/** The account's own homeserver lets application services say when something happened; so people of the past belong to one. */
function pastService(url: string, tokens: { as: string; hs: string }): string {
  return matrixRegistration({
    url,
    appServiceToken: tokens.as,
    homeserverToken: tokens.hs,
    senderLocalpart: "people",
    puppetPrefix: "person_",
  }).replace("id: parley", "id: people");
}

export async function openMatrix(stage: Stage, options: MatrixSceneOptions = {}): Promise<MatrixScene> {
  const { mode = "bot", rooms: roomCount = 3, limited = false } = options;
  const router = await PushRouter.start();
  stage.closeLater(() => router.stop());
  const token = { as: newRegistrationToken(), hs: newRegistrationToken() };
  const people = { as: newRegistrationToken(), hs: newRegistrationToken() };
  const registration = matrixRegistration({
    url: router.addressOf(SERVICE),
    appServiceToken: token.as,
    homeserverToken: token.hs,
    senderLocalpart: SERVICE,
    puppetPrefix: "parley_",
  });
  const synapse = await startSynapse({
    strictRates: limited,
    applicationServices: [
      pastService(router.addressOf("people"), people),
      ...(mode === "service" ? [registration] : []),
    ],
  });
  stage.closeLater(() => synapse.stop());
  const proxy = await startFaultProxy(() => synapse.url);
  stage.closeLater(() => proxy.close());
  const folder = await stage.newFolder(options.agents === undefined ? {} : { agents: options.agents });
  const bot = mode === "bot" ? await synapse.register({ localpart: "parley-bot", displayName: "Parley" }) : undefined;
  const account = bot?.userId ?? `@parley_echo:${synapse.serverName}`;
  const owner = await personOf(synapse, people.as, "person_mara");
  const log = new RoomLog(synapse.url, (await watcher(synapse)).accessToken);
  const watcherId = `@watcher:${synapse.serverName}`;
  const port = await freePort();
  const env = {
    MATRIX_HOMESERVER_URL: proxy.url,
    MATRIX_PACING: limited ? "on" : "off",
    ...(bot === undefined
      ? { MATRIX_AS_TOKEN: token.as, MATRIX_HS_TOKEN: token.hs }
      : { MATRIX_ACCESS_TOKEN: bot.accessToken }),
  };
  const places: MatrixPlace[] = [];
  const asked: {
    token: string;
    readonly eventId: string;
    readonly place: MatrixPlace;
    readonly at: number;
  }[] = [];

  async function makePlaces(): Promise<void> {
    const rooms: string[] = [];
    for (let n = 0; n < roomCount; n += 1)
      rooms.push(await owner.createRoom({ name: `room ${n + 1}`, invite: [account, watcherId] }));
    const witness = new MatrixPerson(synapse.url, await watcher(synapse));
    for (const roomId of rooms) {
      await witness.join(roomId);
      await joined(owner, roomId, account);
      places.push({ roomId, person: owner });
    }
    for (const roomId of rooms) places.push({ roomId, person: owner, thread: await owner.say(roomId, "A topic.") });
  }

  async function history(): Promise<JudgedHistory> {
    const entries: LogEntry[] = [];
    const platformIds = new Map<string, string>();
    const sortable = new Map<string, string>();
    for (const roomId of new Set(places.map((place) => place.roomId))) {
      for (const event of await log.events(roomId)) {
        const ts = `${String(platformIds.size).padStart(8, "0")}`;
        platformIds.set(ts, event.event_id);
        sortable.set(event.event_id, ts);
        const entry = entryOf(event, { roomId, account, seq: entries.length, sortable });
        if (entry !== undefined) entries.push(entry);
      }
    }
    return {
      log: entries,
      platformIds,
      asked: asked.map((one): Asked => {
        const thread = one.place.thread === undefined ? undefined : sortable.get(one.place.thread);
        return {
          token: one.token,
          channel: one.place.roomId,
          ts: sortable.get(one.eventId) ?? one.eventId,
          acknowledgedAt: one.at,
          ...(thread === undefined ? {} : { threadTs: thread }),
        };
      }),
    };
  }

  const scene: MatrixScene = {
    synapse,
    proxy,
    places,
    account,
    router,
    log,
    folder,
    acceptedWhenStored: true,
    ledgerWithinMs: 40_000,
    async start(more = {}) {
      const started = await stage.startParley({ folder, port, ...more, env: { ...env, ...more.env } });
      if (mode === "service") router.route(SERVICE, { url: started.url, hsToken: token.hs });
      if (places.length === 0) await makePlaces();
      return started;
    },
    async say(place, name, { extra = "question", ageMs } = {}) {
      const { roomId, person, thread } = place;
      const words = `${mode === "bot" ? "@echo" : account} ${extra} [#${name}]`;
      const content = {
        msgtype: "m.text",
        body: words,
        "m.mentions": { user_ids: [account] },
        ...(thread !== undefined && {
          "m.relates_to": {
            rel_type: "m.thread",
            event_id: thread,
            is_falling_back: true,
            "m.in_reply_to": { event_id: thread },
          },
        }),
      };
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${name}`;
      const at = Date.now() - (ageMs ?? 0);
      const { event_id: eventId } = await person.api.call<{ event_id: string }>("PUT", path, {
        body: content,
        query: { user_id: person.userId, ts: ageMs === undefined ? undefined : at },
      });
      asked.push({ token: name, eventId, place, at });
      return eventId;
    },
    async edit(eventId, name, { extra = "question" } = {}) {
      const known = asked.find((one) => one.eventId === eventId);
      if (known === undefined) throw new Error(`nobody asked ${eventId}`);
      const words = `${mode === "bot" ? "@echo" : account} ${extra} [#${name}]`;
      await known.place.person.edit(known.place.roomId, eventId, words, { mentions: [account] });
      known.token = name;
    },
    async ask(count, perSecond) {
      for (const until = asked.length + count; asked.length < until; ) {
        const place = places[asked.length % places.length];
        if (place === undefined) throw new Error("there is no place to ask in");
        await scene.say(place, `matrix-${asked.length + 1}`);
        await delay(1_000 / perSecond);
      }
    },
    history,
    async settle(without = () => false) {
      let fewest = Number.POSITIVE_INFINITY;
      for (let deadline = performance.now() + SETTLE_MS; performance.now() < deadline; await delay(300)) {
        const { lost } = checkHistory(await history());
        const open = lost.filter((one) => !without(one.token)).length;
        if (open === 0) return;
        // A slow machine has asked more than it can answer soon; it is not judged while it gets on.
        if (open < fewest) deadline = performance.now() + SETTLE_MS;
        fewest = Math.min(fewest, open);
      }
    },
    async judge(how = {}) {
      await scene.settle(how.without);
      // What is said twice is said late.
      await delay(1_500);
      const { servers, store, processes } = stage;
      const early = proxy.log
        .early({ inFlightMs: IN_FLIGHT_MS })
        .map(
          (call) => `${call.path.split("/").slice(-3).join("/")} after ${Math.round(proxy.log.pausedForMs(call))} ms`,
        );
      return await judge(
        { scene, store, servers, processes },
        {
          ...how,
          figures: { calls: proxy.log.entries.length, ...how.figures },
          findings: [
            ...(early.length > 0 ? [`${early.length} calls came before the pause was over: ${early.join(", ")}`] : []),
            ...(how.findings ?? []),
          ],
        },
      );
    },
  };
  return scene;
}

/** Logged in once: who makes up the log is in every room and says nothing. */
const watchers = new WeakMap<Synapse, Promise<MatrixAccount>>();

function watcher(synapse: Synapse): Promise<MatrixAccount> {
  const known = watchers.get(synapse) ?? synapse.register({ localpart: "watcher" });
  watchers.set(synapse, known);
  return known;
}

async function personOf(synapse: Synapse, asToken: string, localpart: string): Promise<MatrixPerson> {
  const userId = `@${localpart}:${synapse.serverName}`;
  const person = new MatrixPerson(
    synapse.url,
    { userId, accessToken: asToken, deviceId: "", password: "" },
    { puppet: true },
  );
  await person.api.call("POST", "/_matrix/client/v3/register", {
    body: { type: "m.login.application_service", username: localpart, inhibit_login: true },
  });
  return person;
}

async function joined(owner: MatrixPerson, roomId: string, account: string): Promise<void> {
  for (const deadline = performance.now() + JOIN_MS; performance.now() < deadline; await delay(100)) {
    const { membership } = await owner.state<{ membership: string }>(roomId, "m.room.member", account);
    if (membership === "join") return;
  }
  throw new Error(`${account} did not join`);
}

/** An event as the history checker reads it; edits are those of the message that they change. */
function entryOf(
  event: RoomEvent,
  seen: {
    readonly roomId: string;
    readonly account: string;
    readonly seq: number;
    readonly sortable: ReadonlyMap<string, string>;
  },
): LogEntry | undefined {
  if (event.type !== "m.room.message") return undefined;
  const { rel_type: relation, event_id: target = "" } = relationOf(event);
  const isEdit = relation === "m.replace";
  const fresh = event.content["m.new_content"];
  const body =
    isEdit && typeof fresh === "object" && fresh !== null ? Reflect.get(fresh, "body") : event.content["body"];
  const threadTs = relation === "m.thread" ? seen.sortable.get(target) : undefined;
  return {
    seq: seen.seq,
    at: event.origin_server_ts,
    kind: isRedacted(event) ? "delete" : isEdit ? "update" : "post",
    team: "",
    channel: seen.roomId,
    ts: seen.sortable.get(isEdit ? target : event.event_id) ?? event.event_id,
    by: event.sender === seen.account ? "app" : "user",
    actor: event.sender,
    ...(typeof body === "string" ? { text: body } : {}),
    ...(threadTs === undefined ? {} : { threadTs }),
  };
}
