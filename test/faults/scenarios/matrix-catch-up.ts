import { untilTaken } from "../events-taken.ts";
import { type MatrixPlace, openMatrix } from "../matrix-scene.ts";
import { type Outcome, type Scenario, STORES, type StoreKind } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { untilIdle } from "../verdict.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** What Parley answers is younger than this. */
const ANSWER_AGE_MS = 30 * MINUTE_MS;
/** Messages near the age of answers would depend on the speed of the machine. */
const MARGIN_MS = 3 * MINUTE_MS;
/** Up to so many missed messages of a place are in the ledger after five minutes, more of them after a quarter of an hour. */
const FEW_PER_PLACE = 500;
const FEW_WITHIN_MS = 5 * MINUTE_MS;
const MANY_WITHIN_MS = 15 * MINUTE_MS;

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
  const young = new Set<string>();
  const old: string[] = [];
  // People of different places do not wait for each other.
  const say = async (place: MatrixPlace, index: number): Promise<void> => {
    if (place.roomId === left.roomId) return;
    for (let n = index; n < count; n += scene.places.length) {
      const ageMs = Math.floor(lengthMs * (1 - n / count));
      if (Math.abs(ageMs - ANSWER_AGE_MS) < MARGIN_MS) continue;
      const token = `missed-${n + 1}`;
      await scene.say(place, token, { ageMs });
      if (ageMs < ANSWER_AGE_MS) young.add(token);
      else old.push(token);
    }
  };
  await Promise.all(scene.places.map(say));
  await left.person.kick(left.roomId, scene.account);
  await scene.say(left, "kicked-1");
  await scene.say(left, "kicked-2");
  const rooms = new Set(scene.places.map(({ roomId }) => roomId)).size;
  const withinMs = young.size + old.length <= FEW_PER_PLACE * rooms ? FEW_WITHIN_MS : MANY_WITHIN_MS;
  const from = performance.now();
  const second = await scene.start();
  const without = (token: string): boolean => token.startsWith("kicked-") || old.includes(token);
  await untilTaken(second, young.size + old.length, withinMs);
  const caughtUpMs = Math.round(performance.now() - from);
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
    figures: { missed: young.size + old.length, young: young.size, caughtUpMs, oldAnswered: answeredOld.length },
    findings: [
      ...(caughtUpMs > withinMs ? [`not all was read after ${caughtUpMs} ms`] : []),
      ...(answeredOld.length > 0 ? [`${answeredOld.length} answers to what was too old`] : []),
      ...(reads.length > 0 ? [`${reads.length} reads of a room that was left`] : []),
      ...(young.size === 0 ? ["nothing was young enough: the run proves little"] : []),
    ],
    inspect: (ledger, asked) => {
      const found: string[] = [];
      const rows = new Map(asked.map((one) => [one.token, ledger.messages.get(`${one.channel}|${one.ts}`)]));
      for (const token of [...young, ...old]) {
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
