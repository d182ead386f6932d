import { setTimeout as delay } from "node:timers/promises";
import { CALLS } from "../../support/matrix/index.ts";
import { openMatrix } from "../matrix-scene.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const WORKING_MS = 2_500;
const UNDER_WAY_MS = 1_000;
/** By then a stream is shown. */
const SHOWN_MS = 2_500;
/** The agent has not begun to speak when its room is closed, or has; or it is silent until its answer is whole. */
const HOW_ANSWERED = {
  whole: `wait=${WORKING_MS}`,
  streamed: `wait=${WORKING_MS} stream=2400`,
  midway: "stream=8000",
} as const;

/** A question is edited while the agent works: the answer is to what it says now. */
async function edited(stage: Stage, mode: "bot" | "service"): Promise<Outcome> {
  const scene = await openMatrix(stage, { mode });
  await scene.start();
  await scene.ask(3, 6);
  await scene.settle();
  const rounds = stage.reduced ? 3 : 12;
  for (let n = 1; n <= rounds; n += 1) {
    const place = scene.places[n % scene.places.length];
    if (place === undefined) throw new Error("there is no place to ask in");
    const eventId = await scene.say(place, `before-${n}`, { extra: `wait=${WORKING_MS}` });
    await delay(UNDER_WAY_MS);
    await scene.edit(eventId, `after-${n}`, { extra: `wait=${WORKING_MS}` });
  }
  return await scene.judge({
    figures: { edits: rounds },
    inspect: ({ turns }) => {
      const superseded = turns.get("superseded") ?? 0;
      return superseded === rounds ? [] : [`${superseded} turns were started anew for ${rounds} edits`];
    },
  });
}

/** The account is thrown out, the room is replaced, or nobody but its moderators may speak, while the agent works: one attempt at most. */
async function closed(stage: Stage, mode: "bot" | "service", how: keyof typeof HOW_ANSWERED): Promise<Outcome> {
  const scene = await openMatrix(stage, { mode, rooms: 4 });
  await scene.start();
  await scene.ask(4, 6);
  await scene.settle();
  const [shut, replaced, silenced, free] = scene.places;
  if (shut === undefined || replaced === undefined || silenced === undefined || free === undefined)
    throw new Error("there are too few rooms");
  const rooms = [shut, replaced, silenced];
  for (const [index, place] of rooms.entries())
    await scene.say(place, `closed-${index + 1}`, { extra: HOW_ANSWERED[how] });
  await delay(how === "midway" ? SHOWN_MS : UNDER_WAY_MS);
  await shut.person.kick(shut.roomId, scene.account);
  await replaced.person.upgrade(replaced.roomId, "11");
  await silenced.person.setPower(silenced.roomId, {}, { events_default: 50 });
  const from = performance.now();
  await scene.say(free, "free-1");
  const without = (token: string): boolean => token.startsWith("closed-");
  await delay(WORKING_MS);
  await scene.settle(without);
  // A second attempt would come after a pause.
  await delay(WORKING_MS * 2);
  const sends = scene.proxy.log.of({ method: "PUT", path: CALLS.send }).filter((call) => call.atMs > from);
  const attempts = sends.filter((call) => rooms.some(({ roomId }) => call.path.includes(roomId)));
  // A line that says what the agent does, and the mark at the question, are no answers; they are tried once, too.
  const perKind = Map.groupBy(attempts, ({ path, body }) => {
    const what = path.includes("/m.reaction/") ? "mark" : body.includes('"m.notice"') ? "line" : "answer";
    return `${what} ${rooms.findIndex(({ roomId }) => path.includes(roomId))}`;
  });
  const most = Math.max(0, ...[...perKind.values()].map((calls) => calls.length));
  const told = attempts.map(({ path, status, body }) => `${path} ${status} ${body.toString()}`).join(", ");
  return await scene.judge({
    without,
    figures: { attempts: attempts.length, mostAttempts: most },
    findings: most > 1 ? [`${most} attempts in a room that is closed: ${told}`] : [],
    inspect: ({ turnReasons }) =>
      ["cancelled: member_left", "cancelled: channel_archived"].flatMap((end) =>
        turnReasons.get(end) === 1 ? [] : [`no turn ended ${end}: ${[...turnReasons.keys()].join("; ")}`],
      ),
  });
}

export const matrixChanges: readonly Scenario[] = (["bot", "service"] as const).flatMap((mode): Scenario[] => [
  { name: `matrix-${mode}-edited`, stores: STORES, reduced: [], run: (stage) => edited(stage, mode) },
  { name: `matrix-${mode}-closed-rooms`, stores: STORES, reduced: [], run: (stage) => closed(stage, mode, "whole") },
  {
    name: `matrix-${mode}-closed-rooms-streamed`,
    stores: STORES,
    reduced: [],
    run: (stage) => closed(stage, mode, "streamed"),
  },
  {
    name: `matrix-${mode}-closed-rooms-midway`,
    stores: STORES,
    reduced: [],
    run: (stage) => closed(stage, mode, "midway"),
  },
]);
