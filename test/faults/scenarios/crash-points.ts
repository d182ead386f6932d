import { availableParallelism, loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { StopPoint } from "../../support/parley/index.ts";
import { type Outcome, type Scenario, STORES, type StoreKind } from "../scenario.ts";
import type { Scene, Stage } from "../stage.ts";
import { recoveryMs } from "../verdict.ts";

/** The conversation goes on within this time after a kill. */
const RECOVERY_MS = 10_000;
const PER_SECOND = 15;
/** How long the doomed process may take to reach its end. */
const DOOM_WITHIN_MS = 20_000;
const SETTLE_MS = 30_000;
const AFTER_KILL_MS = 1_500;
/** With more than this to do per core, a machine is too busy to be held to a time. */
const BUSY_PER_CORE = 1.5;

interface CrashPoint {
  readonly name: string;
  readonly what: string;
  readonly stop: StopPoint;
  /** Which process of several is killed. */
  readonly victim: "ingest" | "worker";
  /** On which stores it is in the reduced run. */
  readonly reduced: readonly StoreKind[];
  /** Parts per answer, where the point lies between two writes of one answer. */
  readonly parts?: number;
  /** Slack carries a write out at once and says so this late, in ms. */
  readonly slowAnswersMs?: number;
}

const BOTH: readonly StoreKind[] = ["pglite", "postgres"];

/** CP1 to CP11 of the fault matrix, as places in this pipeline. */
const POINTS: readonly CrashPoint[] = [
  {
    name: "cp1",
    what: "accepted, before the commit of intake",
    stop: { at: "sql:intake", when: "before", nth: 12 },
    victim: "ingest",
    reduced: BOTH,
  },
  {
    name: "cp2",
    what: "intake committed, not acknowledged",
    stop: { at: "sql:intake", when: "after", nth: 12 },
    victim: "ingest",
    reduced: STORES,
  },
  {
    name: "cp3",
    what: "acknowledged, bell never rung",
    stop: { at: "ring", when: "before", nth: 12 },
    victim: "ingest",
    reduced: ["postgres", "postgres-redis"],
  },
  {
    name: "cp4-claimed",
    what: "conversation leased",
    stop: { at: "sql:claim", when: "after", nth: 9 },
    victim: "worker",
    reduced: ["postgres-redis"],
  },
  {
    name: "cp4-routed",
    what: "turn committed, agent not called",
    stop: { at: "sql:route", when: "after", nth: 6 },
    victim: "worker",
    reduced: ["postgres"],
  },
  {
    name: "cp5",
    what: "agent called, not answered",
    stop: { at: "agent", when: "before", nth: 6 },
    victim: "worker",
    reduced: ["postgres"],
  },
  {
    name: "cp6",
    what: "answered, before the commit of the reply",
    stop: { at: "sql:commit_replies", when: "before", nth: 6 },
    victim: "worker",
    reduced: ["pglite"],
  },
  {
    name: "cp7",
    what: "reply committed, nobody told",
    stop: { at: "sql:commit_replies", when: "after", nth: 6 },
    victim: "worker",
    reduced: ["postgres"],
  },
  {
    name: "cp8",
    what: "part marked sending, request not begun",
    stop: { at: "send", when: "before", nth: 6 },
    victim: "worker",
    reduced: BOTH,
  },
  {
    name: "cp8-second",
    what: "second part of an answer marked sending by the receipt of the first",
    stop: { at: "send", when: "before", nth: 8 },
    victim: "worker",
    reduced: [],
    parts: 2,
  },
  {
    name: "cp9",
    what: "request sent, answer still to come",
    stop: { at: "send", when: "during", nth: 6 },
    victim: "worker",
    reduced: STORES,
    slowAnswersMs: 600,
  },
  {
    name: "cp10",
    what: "answer read, not recorded",
    stop: { at: "send", when: "after", nth: 6 },
    victim: "worker",
    reduced: ["postgres-redis"],
  },
  {
    name: "cp10-batch",
    what: "answers of a batch read, before the commit of their receipts",
    stop: { at: "sql:receipts", when: "before", nth: 6 },
    victim: "worker",
    reduced: ["pglite"],
  },
  {
    name: "cp11",
    what: "receipts recorded, nobody told",
    stop: { at: "sql:receipts", when: "after", nth: 6 },
    victim: "worker",
    reduced: ["postgres"],
  },
];

/** One scenario per crash point; where there are several processes, one with another that takes over and one with a restart. */
export const crashPoints: readonly Scenario[] = POINTS.flatMap((point): Scenario[] => {
  const takeover: Scenario = {
    name: `kill-${point.name}`,
    stores: STORES,
    reduced: point.reduced,
    run: (stage) => (stage.store === "pglite" ? runEmbedded(stage, point) : runApart(stage, point, "takeover")),
  };
  const restart: Scenario = {
    name: `kill-${point.name}-restart`,
    stores: ["postgres", "postgres-redis"],
    reduced: [],
    run: (stage) => runApart(stage, point, "restart"),
  };
  return point.victim === "worker" ? [takeover, restart] : [takeover];
});

/** All roles in one process over PGlite, started again on the same folder. */
async function runEmbedded(stage: Stage, point: CrashPoint): Promise<Outcome> {
  const scene = await stage.open();
  await prepare(scene, point);
  const doomed = await scene.start({ stop: point.stop });
  return await lead(stage, scene, point, doomed.ended, async () => void (await scene.start()));
}

/** Intake and workers as processes of their own. */
async function runApart(stage: Stage, point: CrashPoint, then: "takeover" | "restart"): Promise<Outcome> {
  const scene = await stage.open();
  await prepare(scene, point);
  const worker = { roles: ["worker", "delivery"] } as const;
  if (point.victim === "ingest") {
    const doomed = await scene.start({ roles: ["ingest"], stop: point.stop });
    await scene.start(worker);
    return await lead(stage, scene, point, doomed.ended, async () => void (await scene.start({ roles: ["ingest"] })));
  }
  await scene.start({ roles: ["ingest"] });
  const doomed = await scene.start({ ...worker, stop: point.stop });
  if (then === "takeover") await scene.start(worker);
  return await lead(stage, scene, point, doomed.ended, async () => {
    if (then === "restart") await scene.start(worker);
  });
}

async function prepare(scene: Scene, point: CrashPoint): Promise<void> {
  if (point.slowAnswersMs !== undefined)
    await scene.slack.faults.add({ kind: "slow", method: "chat.postMessage", delayMs: point.slowAnswersMs });
}

/** Asks until the doomed process is dead and a little longer, brings the next one, and judges. */
async function lead(
  stage: Stage,
  scene: Scene,
  point: CrashPoint,
  ended: Promise<number>,
  bringNext: () => Promise<void>,
): Promise<Outcome> {
  const parts = point.parts === undefined ? "" : `parts=${point.parts} `;
  const asker = scene.ask(point.name, PER_SECOND, { extra: `${parts}question` });
  const killedAt = await Promise.race([ended, delay(DOOM_WITHIN_MS, undefined, { ref: false })]);
  if (killedAt === undefined) {
    await asker.stop();
    return await scene.judge({ findings: [`the process never came to "${point.what}"`] });
  }
  stage.say(`killed: ${point.what}`);
  const next = bringNext().then(() => Date.now() - killedAt);
  // A little of what comes while nobody is there, and not a backlog that says more about the machine than about the recovery.
  await delay(AFTER_KILL_MS);
  await asker.stop();
  const nextMs = await next;
  await scene.settle(point.name, SETTLE_MS);
  const { asked, log } = await scene.history(point.name);
  const recovery = recoveryMs(asked, log, killedAt);
  const isBusy = (loadavg()[0] ?? 0) > BUSY_PER_CORE * availableParallelism();
  const late = recovery > RECOVERY_MS && !isBusy;
  return await scene.judge({
    figures: { nextReadyMs: nextMs, recoveryMs: recovery, ...(isBusy ? { machine: "busy, recovery not judged" } : {}) },
    findings: late ? [`the conversations went on only ${recovery} ms after the kill`] : [],
  });
}
