import { setTimeout as delay } from "node:timers/promises";
import { CALLS, type Fault } from "../../support/matrix/index.ts";
import { openMatrix } from "../matrix-scene.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const ASKED_PER_KILL = 30;
const SENDS = { method: "PUT", path: CALLS.send } as const;

/** What may become of a write on its way to the homeserver and back. */
const WRITE_FAULTS: readonly Fault[] = [
  { kind: "status", status: 502, when: "before", match: SENDS },
  { kind: "status", status: 502, when: "after", match: SENDS },
  { kind: "drop", when: "before", match: SENDS },
  { kind: "drop", when: "after", match: SENDS },
  { kind: "half", match: SENDS },
  { kind: "page", when: "before", match: SENDS },
  { kind: "page", when: "after", match: SENDS },
  { kind: "silence", when: "before", match: SENDS, times: 1 },
  { kind: "silence", when: "after", match: SENDS, times: 1 },
];

/** Each kind of failure strikes a few writes. */
async function writes(stage: Stage, mode: "bot" | "service"): Promise<Outcome> {
  const scene = await openMatrix(stage, { mode });
  await scene.start();
  const before = scene.proxy.log.of(SENDS).length;
  for (const fault of WRITE_FAULTS) scene.proxy.strike({ times: 3, probability: 0.4, ...fault });
  const count = stage.reduced ? 45 : 120;
  await scene.ask(count, 6);
  await scene.settle();
  const sends = scene.proxy.log.of(SENDS).length - before;
  return await scene.judge({
    figures: { sends },
    findings: sends < count + 8 ? [`only ${sends} writes for ${count} answers: hardly a fault struck`] : [],
  });
}

/** Parley is killed again and again while people ask. */
async function kills(stage: Stage, mode: "bot" | "service"): Promise<Outcome> {
  const scene = await openMatrix(stage, { mode });
  let current = await scene.start();
  let asking = true;
  let patience = ASKED_PER_KILL;
  const people = (async () => {
    while (asking) {
      // However long a start takes: more than this nobody asks of an agent that says nothing.
      if (patience === 0) await delay(100);
      else {
        patience -= 1;
        await scene.ask(1, 5);
      }
    }
  })();
  const count = stage.reduced ? 3 : 12;
  for (let time = 0; time < count; time += 1) {
    await delay(700 + (time % 4) * 400);
    await current.kill9();
    current = await scene.start();
    patience = ASKED_PER_KILL;
  }
  await delay(1_000);
  asking = false;
  await people;
  return await scene.judge({ figures: { kills: count } });
}

/** The homeserver limits one room for a time: its answers wait, the other rooms' do not. */
async function rateLimited(stage: Stage, mode: "bot" | "service"): Promise<Outcome> {
  const scene = await openMatrix(stage, { mode });
  await scene.start();
  await scene.ask(6, 6);
  await scene.settle();
  const lengthMs = stage.reduced ? 10_000 : 60_000;
  const limited = scene.places[0]?.roomId ?? "";
  const relent = scene.proxy.strike({
    kind: "rate_limited",
    retryAfterMs: 5_000,
    match: { ...SENDS, roomId: limited },
    times: Number.POSITIVE_INFINITY,
  });
  const from = performance.now();
  while (performance.now() - from < lengthMs) await scene.ask(1, 2);
  const calls = scene.proxy.log.entries.filter((call) => call.atMs >= from);
  const sends = calls.filter((call) => call.method === "PUT" && CALLS.send.test(call.path));
  const refused = sends.filter((call) => call.status === 429).length;
  const others = sends.filter((call) => call.status === 200 && !call.path.includes(limited)).length;
  const away = performance.now();
  relent();
  await scene.settle();
  const drainMs = Math.round(performance.now() - away);
  return await scene.judge({
    figures: { refused, othersMeanwhile: others, drainMs },
    findings: [
      ...(refused === 0 ? ["no write was limited"] : []),
      ...(others < lengthMs / 1_000 / 2 ? [`only ${others} answers in other rooms meanwhile`] : []),
    ],
  });
}

/** Synapse's own limits, which count all that an account writes: more is asked than may be answered at once. */
async function ownLimits(stage: Stage): Promise<Outcome> {
  const scene = await openMatrix(stage, { limited: true });
  await scene.start();
  await scene.ask(24, 4);
  await scene.settle();
  const sends = scene.proxy.log.of(SENDS);
  const refused = sends.filter((call) => call.status === 429).length;
  return await scene.judge({
    figures: { sends: sends.length, refused },
    // Joining a room counts there too, and is not paced.
    findings: refused > scene.places.length ? [`${refused} writes were made too early for the homeserver`] : [],
  });
}

/** A request for news is never answered: given up after its time, and everything said meanwhile is there. */
async function silentSync(stage: Stage): Promise<Outcome> {
  const scene = await openMatrix(stage);
  await scene.start();
  await scene.ask(3, 6);
  await scene.settle();
  const from = performance.now();
  scene.proxy.strike({ kind: "silence", when: "before", match: { path: CALLS.sync } });
  const before = scene.proxy.log.of({ path: CALLS.sync }).length;
  // Whoever is asked now wakes the request that is open; the next one is silent.
  await scene.ask(6, 2);
  await scene.settle();
  const syncs = scene.proxy.log.of({ path: CALLS.sync }).slice(before);
  const silent = syncs.findIndex((call) => call.status === undefined);
  const noticedMs = Math.round((syncs[silent + 1]?.atMs ?? from + 600_000) - (syncs[silent]?.atMs ?? from));
  return await scene.judge({
    figures: { noticedMs },
    findings: [
      ...(silent === -1 ? ["no request was left without an answer"] : []),
      ...(noticedMs > 45_000 ? [`noticed only after ${noticedMs} ms`] : []),
    ],
  });
}

/** The homeserver hands out again what it has handed out before. */
async function again(stage: Stage): Promise<Outcome> {
  const scene = await openMatrix(stage);
  await scene.start();
  await scene.ask(10, 6);
  await scene.settle();
  let early: string | undefined;
  let count = 0;
  for (const call of scene.proxy.log.of({ path: CALLS.sync })) early ??= call.query.get("since") ?? undefined;
  scene.proxy.redirect((call) => {
    if (early === undefined || !CALLS.sync.test(call.path) || count >= 30 || Math.random() > 0.5) return;
    count += 1;
    call.query.set("since", early);
  });
  await scene.ask(stage.reduced ? 20 : 60, 5);
  await scene.settle();
  return await scene.judge({ figures: { again: count }, findings: count === 0 ? ["nothing came twice"] : [] });
}

const SERVED = STORES.filter((store) => store !== "pglite");
const MODES = ["bot", "service"] as const;

export const matrixFaults: readonly Scenario[] = [
  ...MODES.flatMap((mode): Scenario[] => [
    {
      name: `matrix-${mode}-kills`,
      stores: STORES,
      reduced: mode === "bot" ? ["postgres-redis"] : [],
      run: (stage) => kills(stage, mode),
    },
    {
      name: `matrix-${mode}-writes`,
      stores: STORES,
      reduced: mode === "service" ? ["pglite"] : [],
      run: (stage) => writes(stage, mode),
    },
    {
      name: `matrix-${mode}-rate-limited`,
      stores: SERVED,
      reduced: [],
      run: (stage) => rateLimited(stage, mode),
    },
  ]),
  { name: "matrix-bot-own-limits", stores: SERVED, reduced: [], run: ownLimits },
  { name: "matrix-half-open", stores: SERVED, reduced: [], run: silentSync },
  { name: "matrix-handed-out-again", stores: STORES, reduced: [], run: again },
];
