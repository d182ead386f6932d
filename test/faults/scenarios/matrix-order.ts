import { setTimeout as delay } from "node:timers/promises";
import { CALLS } from "../../support/matrix/index.ts";
import { type MatrixScene, openMatrix } from "../matrix-scene.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import { shuffleEvents } from "../shuffle-events.ts";
import type { Stage } from "../stage.ts";

/** Longer than an event is held back. */
const WORKING_MS = 4_000;
const NOISE_EVERY_MS = 250;
const WORDS = new Set(["m.room.message", "m.room.redaction"]);

interface Event {
  readonly type?: string;
  readonly room_id?: string;
}

interface SyncAnswer {
  readonly rooms?: { readonly join?: Readonly<Record<string, { readonly timeline?: { readonly events?: Event[] } }>> };
}

type Shuffle = ReturnType<typeof shuffleEvents>;

/** What the homeserver hands out to whoever asks for news. */
function shuffleSyncs({ proxy }: MatrixScene, shuffle: Shuffle): () => void {
  const change = (answer: Buffer, position: string): string => {
    const body = JSON.parse(answer.toString()) as SyncAnswer; // Synapse's own form
    const join = body.rooms?.join ?? {};
    const handout = new Map(Object.entries(join).map(([id, room]) => [id, room.timeline?.events ?? []]));
    const rooms = [...shuffle.change({ position, rooms: handout })].map(([id, events]) => {
      const room = join[id];
      return [id, { ...room, timeline: { limited: false, ...room?.timeline, events } }] as const;
    });
    return JSON.stringify({ ...body, rooms: { ...body.rooms, join: { ...join, ...Object.fromEntries(rooms) } } });
  };
  return proxy.strike({
    kind: "changed",
    match: { path: CALLS.sync },
    times: Number.POSITIVE_INFINITY,
    change: (answer, call) => change(answer, call.query.get("since") ?? ""),
  });
}

/** What the homeserver pushes to an application service. */
function shufflePushes({ router }: MatrixScene, shuffle: Shuffle): () => void {
  router.onPush(({ service, txnId, body }) => {
    if (service !== "parley") return body;
    const transaction = JSON.parse(body) as { readonly events?: readonly Event[] }; // the homeserver's own form
    const rooms = Map.groupBy(transaction.events ?? [], (event) => event.room_id ?? "");
    const events = [...shuffle.change({ position: txnId, rooms }).values()].flat();
    return JSON.stringify({ ...transaction, events });
  });
  return () => router.onPush(({ body }) => body);
}

/** F13: edits and redactions overtake their messages, replies their threads' roots, and a part of everything comes twice. */
async function shuffled(stage: Stage, mode: "bot" | "service"): Promise<Outcome> {
  const scene = await openMatrix(stage, { mode });
  await scene.start();
  await scene.ask(scene.places.length, 6);
  await scene.settle();
  const shuffle = shuffleEvents({
    which: (event) => WORDS.has((event as Event).type ?? ""),
    late: 0.35,
    twice: 0.3,
  });
  const inOrder = mode === "bot" ? shuffleSyncs(scene, shuffle) : shufflePushes(scene, shuffle);
  let isOver = false;
  // What is held back comes with the next thing that happens.
  const noise = (async () => {
    const [room] = scene.places;
    for (let n = 0; !isOver && room !== undefined; n += 1) {
      await room.person.send(room.roomId, "org.example.noise", { n });
      await delay(NOISE_EVERY_MS);
    }
  })();
  const rounds = stage.reduced ? 4 : 20;
  const gone = new Set<string>();
  const extra = `wait=${WORKING_MS}`;
  for (let n = 1; n <= rounds; n += 1) {
    const place = scene.places[n % scene.places.length];
    if (place === undefined) throw new Error("there is no place to ask in");
    const { person, roomId } = place;
    await scene.ask(2, 10);
    await scene.edit(await scene.say(place, `before-${n}`, { extra }), `after-${n}`, { extra });
    gone.add(`gone-${n}`);
    await person.redact(roomId, await scene.say(place, `gone-${n}`, { extra }));
    await scene.say({ roomId, person, thread: await person.say(roomId, "Another topic.") }, `reply-${n}`);
    // Longer than this the conversations would have to wait for one another.
    await delay(stage.reduced ? 500 : 1_500);
  }
  const isGone = (token: string): boolean => gone.has(token);
  await scene.settle(isGone);
  const { log } = await scene.history("");
  const quoted = log.flatMap(({ by, text }) => (by === "app" ? [text ?? ""] : [])).join("\n");
  const answered = [...gone].filter((token) => quoted.includes(`[#${token}]`));
  isOver = true;
  await noise;
  inOrder();
  return await scene.judge({
    without: isGone,
    figures: { rounds, late: shuffle.lateCount() },
    findings: [
      ...(answered.length > 0 ? [`${answered.length} answers to what was deleted: ${answered.join(", ")}`] : []),
      ...(shuffle.lateCount() < rounds ? [`only ${shuffle.lateCount()} events came late`] : []),
    ],
  });
}

export const matrixOrder: readonly Scenario[] = (["bot", "service"] as const).map(
  (mode): Scenario => ({
    name: `matrix-${mode}-out-of-order`,
    stores: STORES,
    reduced: [],
    run: (stage) => shuffled(stage, mode),
  }),
);
