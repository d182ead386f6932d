import { setTimeout as delay } from "node:timers/promises";
import type { ParleyProcess } from "../../support/parley/index.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Scene, Stage } from "../stage.ts";

const PER_SECOND = 15;
const SETTLE_MS = 45_000;
/** Between two things that befall the sockets: long enough for a new one to open, short enough that few events lie between. */
const PAUSE_MS = 900;
const LABEL = "sock";

interface Processes {
  readonly intake: ParleyProcess;
  /** The same as the intake on the embedded ledger, which is one process. */
  readonly worker: ParleyProcess;
}

async function open(stage: Stage): Promise<{ scene: Scene; processes: Processes }> {
  const scene = await stage.open({ transport: "socket" });
  if (stage.store === "pglite") {
    const all = await scene.start();
    return { scene, processes: { intake: all, worker: all } };
  }
  const intake = await scene.start({ roles: ["ingest"] });
  const worker = await scene.start({ roles: ["worker", "delivery"] });
  return { scene, processes: { intake, worker } };
}

/** Events come twice to five times and late, acknowledgements get lost, and sockets die under the envelope they just carried. */
async function makeTheLineBad(scene: Scene): Promise<void> {
  await scene.slack.conditions.setDeliveryFaults({
    duplicate: { probability: 0.3, maxCopies: 5 },
    reorder: { probability: 0.3, windowMs: 700 },
    dropAnswer: { probability: 0.1 },
    dropSocket: { probability: 0.02 },
    types: ["message", "app_mention"],
  });
}

/** Slack asks all sockets to leave, cuts one, cuts all, and asks one: over and over while people ask. */
async function badLine(stage: Stage): Promise<Outcome> {
  const { scene } = await open(stage);
  const { sockets } = scene.slack;
  const { appId } = scene.workspace.app;
  await makeTheLineBad(scene);
  const asker = scene.ask(LABEL, PER_SECOND);
  let opened = 0;
  for (let round = 0; round < (stage.reduced ? 1 : 4); round += 1) {
    for (const befall of [
      () => sockets.disconnect(appId, "refresh_requested", { graceMs: 500 }),
      () => sockets.drop(appId, { count: 1 }),
      () => sockets.drop(appId),
      () => sockets.disconnect(appId, "warning", { count: 1 }),
      () => sockets.disconnect(appId, "refresh_requested", { count: 1, graceMs: 0 }),
    ]) {
      await delay(PAUSE_MS);
      opened = Math.max(opened, await sockets.connectionCount(appId));
      await befall();
    }
  }
  await delay(PAUSE_MS);
  await asker.stop();
  await scene.settle(LABEL, SETTLE_MS);
  const found = opened === 0 ? ["no socket was open at any look"] : [];
  return await scene.judge({ figures: { sockets: opened }, findings: found });
}

/** The process is killed under load with a bad line, and another one comes. */
async function killed(stage: Stage, victim: "intake" | "worker"): Promise<Outcome> {
  const { scene, processes } = await open(stage);
  await makeTheLineBad(scene);
  const asker = scene.ask(LABEL, PER_SECOND);
  await delay(2_500);
  await processes[victim].kill9();
  stage.say(`killed the ${victim}`);
  const roles = victim === "intake" ? (["ingest"] as const) : (["worker", "delivery"] as const);
  await scene.start(stage.store === "pglite" ? {} : { roles });
  await delay(2_000);
  await asker.stop();
  await scene.settle(LABEL, SETTLE_MS);
  return await scene.judge();
}

export const socketMode: readonly Scenario[] = [
  { name: "socket-bad-line", stores: STORES, reduced: ["pglite", "postgres-redis"], run: badLine },
  { name: "socket-kill-worker", stores: STORES, reduced: ["postgres-redis"], run: (stage) => killed(stage, "worker") },
  // On the embedded ledger the worker is the intake.
  {
    name: "socket-kill-intake",
    stores: ["postgres", "postgres-redis"],
    reduced: [],
    run: (stage) => killed(stage, "intake"),
  },
];
