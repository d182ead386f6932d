import { setTimeout as delay } from "node:timers/promises";
import type { ParleyProcess } from "../../support/parley/index.ts";
import { untilTaken } from "../events-taken.ts";
import { type MatrixPlace, type MatrixScene, openMatrix, SERVICE } from "../matrix-scene.ts";
import { type Outcome, type Scenario, STORES, type StoreKind } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { untilIdle } from "../verdict.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** What Parley answers is younger than this. */
const ANSWER_AGE_MS = 30 * MINUTE_MS;
/** What is stored is decided on within this time. */
const DECIDED_WITHIN_MS = MINUTE_MS;
/** Up to so many missed messages of a place are in the ledger after five minutes, more of them after a quarter of an hour. */
const FEW_PER_PLACE = 500;
const FEW_WITHIN_MS = 5 * MINUTE_MS;
const MANY_WITHIN_MS = 15 * MINUTE_MS;

/** Longer than the longest pause after which Synapse tries again to push (`_Recoverer`, synapse/appservice/scheduler.py: 512 s). */
const PUSHES_WITHIN_MS = 10 * MINUTE_MS;
/** The homeserver gives up a transaction after a minute. */
const ANSWERS_PUSH_WITHIN_MS = MINUTE_MS;

interface CaughtUp {
  readonly findings: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

/** A bot account reads what it missed: it is done with it after a time. */
async function read(second: ParleyProcess, count: number, withinMs: number): Promise<CaughtUp> {
  const from = performance.now();
  await untilTaken(second, count, withinMs);
  const caughtUpMs = Math.round(performance.now() - from);
  return {
    figures: { caughtUpMs },
    findings: caughtUpMs > withinMs ? [`not all was read after ${caughtUpMs} ms`] : [],
  };
}

/**
 * To an application service the homeserver brings it, at its own pace: waited is for as long as that goes on, and what is judged is
 * how long each transaction waits for its answer, which says that all of it is stored.
 */
async function pushed({ router }: MatrixScene, missed: ReadonlyMap<string, unknown>): Promise<CaughtUp> {
  const from = performance.now();
  let stored = 0;
  let newsAt = from;
  let longestMs = 0;
  for (let news = 0; stored < missed.size && performance.now() - newsAt < PUSHES_WITHIN_MS; await delay(500)) {
    const answered = router.pushes.filter(({ service, status }) => service === SERVICE && status === 200);
    if (answered.length === news) continue;
    news = answered.length;
    newsAt = performance.now();
    longestMs = Math.round(Math.max(...answered.map(({ tookMs = 0 }) => tookMs)));
    stored = new Set(answered.flatMap(({ eventIds }) => eventIds).filter((id) => missed.has(id))).size;
  }
  const pushedMs = Math.round(performance.now() - from);
  const open = missed.size - stored;
  return {
    figures: { pushedMs, perSecond: Math.round((stored / pushedMs) * 1_000), longestPushMs: longestMs },
    findings: [
      ...(open > 0 ? [`${open} events were not pushed in ${PUSHES_WITHIN_MS} ms without any other`] : []),
      ...(longestMs > ANSWERS_PUSH_WITHIN_MS ? [`a transaction waited ${longestMs} ms for its answer`] : []),
    ],
  };
}

interface Offline {
  readonly mode: "bot" | "service";
  readonly lengthMs: number;
  readonly count: number;
}

/** Nothing ran for a time; the homeserver keeps what was said, with times of the past, and more of it than one answer holds. */
async function offline(stage: Stage, { mode, lengthMs, count }: Offline): Promise<Outcome> {
  const scene = await openMatrix(stage, { mode });
  const first = await scene.start();
  await scene.ask(scene.places.length, 6);
  await scene.settle();
  // What is still open would have to be decided in a room that was left meanwhile.
  await untilIdle(first);
  await first.stop();

  const [left] = scene.places.slice(2, 3);
  if (left === undefined) throw new Error("there is no room to be left");
  const missed = new Map<string, { readonly token: string; readonly atMs: number }>();
  // People of different places do not wait for each other.
  const say = async (place: MatrixPlace, index: number): Promise<void> => {
    if (place.roomId === left.roomId) return;
    for (let n = index; n < count; n += scene.places.length) {
      const ageMs = Math.floor(lengthMs * (1 - n / count));
      const said = { token: `missed-${n + 1}`, atMs: Date.now() - ageMs };
      missed.set(await scene.say(place, said.token, { ageMs }), said);
    }
  };
  await Promise.all(scene.places.map(say));
  await left.person.kick(left.roomId, scene.account);
  await scene.say(left, "kicked-1");
  await scene.say(left, "kicked-2");
  const rooms = new Set(scene.places.map(({ roomId }) => roomId)).size;
  const withinMs = missed.size <= FEW_PER_PLACE * rooms ? FEW_WITHIN_MS : MANY_WITHIN_MS;
  const from = performance.now();
  // Messages grow old while others are said and brought; how fast that goes is the machine's business.
  const old = tokensOf(missed, (atMs) => Date.now() - atMs >= ANSWER_AGE_MS);
  const second = await scene.start();
  const caughtUp = mode === "bot" ? await read(second, missed.size, withinMs) : await pushed(scene, missed);
  const decidedMs = Date.now() + DECIDED_WITHIN_MS;
  const young = new Set(tokensOf(missed, (atMs) => decidedMs - atMs < ANSWER_AGE_MS));
  const without = (token: string): boolean => token.startsWith("kicked-") || (isMissed(token) && !young.has(token));
  // Whoever looks at rooms of thousands over and over takes the homeserver's time for it.
  await untilIdle(second, withinMs);
  await scene.settle(without);
  const { log } = await scene.history("");
  const quoted = log.flatMap(({ by, text }) => (by === "app" ? [text ?? ""] : [])).join("\n");
  const answeredOld = old.filter((token) => quoted.includes(`[#${token}]`));
  const reads = scene.proxy.log.entries.filter(
    (call) => call.atMs > from && call.path.endsWith("/messages") && call.path.includes(left.roomId),
  );
  return await scene.judge({
    without,
    figures: { missed: missed.size, young: young.size, ...caughtUp.figures, oldAnswered: answeredOld.length },
    findings: [
      ...caughtUp.findings,
      ...(answeredOld.length > 0 ? [`${answeredOld.length} answers to what was too old`] : []),
      ...(reads.length > 0 ? [`${reads.length} reads of a room that was left`] : []),
      ...(young.size === 0 ? ["nothing was young enough: the run proves little"] : []),
    ],
    inspect: (ledger, asked) => {
      const found: string[] = [];
      const rows = new Map(asked.map((one) => [one.token, ledger.messages.get(`${one.channel}|${one.ts}`)]));
      for (const { token } of missed.values()) {
        const row = rows.get(token);
        if (row === undefined) found.push(`${token} is in the history and not in the ledger`);
        else if (old.includes(token) && row.state !== "expired") found.push(`${token} is ${row.state}, not expired`);
      }
      if (rows.get("kicked-1") !== undefined || rows.get("kicked-2") !== undefined)
        found.push("rows of what was said after the bot had been thrown out");
      return found.length > 4 ? [...found.slice(0, 4), `and ${found.length - 4} more`] : found;
    },
  });
}

/** What was said at times that fit, in wall ms. */
function tokensOf(
  missed: ReadonlyMap<string, { readonly token: string; readonly atMs: number }>,
  fits: (atMs: number) => boolean,
): readonly string[] {
  return [...missed.values()].flatMap(({ token, atMs }) => (fits(atMs) ? [token] : []));
}

const isMissed = (token: string): boolean => token.startsWith("missed-");

const LENGTHS: readonly (readonly [string, number, number])[] = [
  ["10-minutes", 10 * MINUTE_MS, 60],
  ["2-hours", 2 * HOUR_MS, 800],
  ["26-hours", 26 * HOUR_MS, 900],
];
/** One room of three is left, with what is said there. */
const MANY = 7_600;
const REDUCED: readonly StoreKind[] = ["postgres"];

export const matrixCatchUp: readonly Scenario[] = (["bot", "service"] as const).flatMap((mode) => [
  ...LENGTHS.map(
    ([name, lengthMs, count]): Scenario => ({
      name: `matrix-${mode}-offline-${name}`,
      stores: STORES,
      reduced: mode === "bot" && name === "2-hours" ? REDUCED : [],
      run: (stage) => offline(stage, { mode, lengthMs, count: stage.reduced ? 60 : count }),
    }),
  ),
  {
    name: `matrix-${mode}-offline-5000-missed`,
    stores: ["postgres"],
    reduced: [],
    run: (stage) => offline(stage, { mode, lengthMs: 26 * HOUR_MS, count: MANY }),
  },
]);
