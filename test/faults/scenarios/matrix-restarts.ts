import { setTimeout as delay } from "node:timers/promises";
import { CALLS } from "../../support/matrix/index.ts";
import type { ParleyProcess } from "../../support/parley/index.ts";
import { type MatrixScene, openMatrix } from "../matrix-scene.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { untilIdle } from "../verdict.ts";

const SENDS = { method: "PUT", path: CALLS.send } as const;
const ATTEMPTS_WITHIN_MS = 45_000;

interface Round {
  /** What became of the writes: carried out and nobody was told, or never carried out. */
  readonly when: "after" | "before";
  /** How the homeserver goes down: in order, at once, or in the middle of the writes. */
  readonly down: "restart" | "kill" | "midway";
}

const ROUNDS: readonly Round[] = [
  { when: "after", down: "kill" },
  { when: "after", down: "restart" },
  { when: "after", down: "midway" },
  { when: "before", down: "kill" },
];

/** The answers to writes of all places are lost, and the homeserver restarts before any of them is looked for or tried again. */
async function round(scene: MatrixScene, parley: ParleyProcess, { when, down }: Round): Promise<number> {
  const { proxy, synapse, places } = scene;
  const before = proxy.log.entries.length;
  const attempts = (): number =>
    new Set(
      proxy.log
        .of(SENDS)
        .filter((call) => proxy.log.entries.indexOf(call) >= before)
        .map((call) => call.path),
    ).size;
  const attempted = async (count: number): Promise<void> => {
    const deadline = performance.now() + ATTEMPTS_WITHIN_MS;
    while (attempts() < count && performance.now() < deadline) await delay(10);
  };
  const times = Number.POSITIVE_INFINITY;
  const relents = [
    proxy.strike({ kind: "drop", when, match: SENDS, times }),
    proxy.strike({ kind: "drop", when: "before", match: { path: CALLS.messages }, times }),
  ];
  await scene.ask(places.length, 40);
  if (down === "midway") await attempted(Math.ceil(places.length / 2));
  else {
    await attempted(places.length);
    // The fault strikes once the homeserver has carried the write out: give the last ones the time to.
    await delay(500);
  }
  if (down !== "restart") await synapse.kill9();
  const struck = attempts();
  await synapse.restart();
  for (const relent of relents) relent();
  await scene.settle();
  // What was carried out stands in the rooms long before the ledger knows that it does.
  await untilIdle(parley);
  return struck;
}

/** F32: what the homeserver knew of transactions is gone when a write is tried again. */
async function restarts(stage: Stage, mode: "bot" | "service"): Promise<Outcome> {
  const trials = stage.reduced ? 30 : 200;
  const scene = await openMatrix(stage, { mode, rooms: stage.reduced ? 5 : 20 });
  const parley = await scene.start();
  let struck = 0;
  let rounds = 0;
  for (; struck < trials && rounds < ROUNDS.length + trials / 20; rounds += 1) {
    struck += await round(scene, parley, ROUNDS[rounds % ROUNDS.length] ?? { when: "after", down: "kill" });
    stage.say(`${struck} writes struck in ${rounds + 1} restarts`);
  }
  return await scene.judge({
    figures: { trials: struck, restarts: rounds },
    findings: struck < trials ? [`only ${struck} of ${trials} writes were struck`] : [],
  });
}

export const matrixRestarts: readonly Scenario[] = (["bot", "service"] as const).map(
  (mode): Scenario => ({
    name: `matrix-${mode}-homeserver-restarts`,
    stores: STORES,
    reduced: mode === "service" ? ["postgres"] : [],
    run: (stage) => restarts(stage, mode),
  }),
);
