import { setTimeout as delay } from "node:timers/promises";
import { type DiscordScene, openDiscord, WRITES } from "../discord-scene.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";

/** A process that is late for its heartbeats would lose its connection without being cut off. */
const UNHURRIED = { gateway: { heartbeatIntervalMs: 4_000 } };
/** A connection that lasted so long counts as a success. */
const LASTED_MS = 10_500;

const QUESTIONS_PER_KILL = 40;

/** Each kind of failure strikes a few writes: what may have been written is found again, what was not is written once more. */
async function writes(scene: DiscordScene): Promise<Outcome> {
  const { faults } = scene.discord;
  const kinds = ["status_before", "status_after", "reset_before", "lost_response", "cut_response", "html"] as const;
  const ids: (readonly [string, number])[] = [];
  for (const kind of [...kinds, "late_effect"] as const)
    ids.push([kind, await faults.add({ kind, route: WRITES, probability: 0.3, times: 3, delayMs: 500 })]);
  ids.push(["hang_after", await faults.add({ kind: "hang_after", route: WRITES, probability: 0.3, times: 1 })]);
  await scene.start();
  await scene.ask(60, 8);
  const struck: Record<string, number> = {};
  for (const [kind, id] of ids) struck[kind] = await faults.struck(id);
  const idle = Object.entries(struck).filter(([, times]) => times === 0);
  return await scene.judge({ figures: struck, findings: idle.map(([kind]) => `the fault ${kind} never struck`) });
}

/** Limits of one bucket, of one that others use too, and of everything: nobody calls before a pause is over. */
async function limits(scene: DiscordScene): Promise<Outcome> {
  const { faults, requests } = scene.discord;
  const [route = ""] = WRITES;
  await faults.add({ kind: "rate_limited", route, retryAfterMs: 1_500, skip: 3, times: 2 });
  await faults.add({ kind: "rate_limited", route, scope: "shared", retryAfterMs: 1_000, skip: 8, times: 2 });
  await faults.add({ kind: "rate_limited", route, scope: "global", retryAfterMs: 1_000, skip: 14, times: 1 });
  await scene.start();
  await scene.ask(50, 10);
  const { findings, figures } = await scene.judge();
  const early = await requests.callsBeforeRetryAfter();
  const limited = (await requests.of(route)).filter((call) => call.status === 429).length;
  return {
    figures: { ...figures, limited, early: early.length },
    findings: [
      ...findings,
      ...(early.length > 0 ? [`${early.length} calls came before the pause was over`] : []),
      ...(limited < 5 ? [`only ${limited} of 5 limits struck`] : []),
    ],
  };
}

/** Connections are cut, half open, asked to leave; sessions end; frames are cut in two: over and over while people ask. */
async function gateway(scene: DiscordScene, reduced: boolean): Promise<Outcome> {
  const { gateway: line, frames } = scene.discord;
  const { applicationId } = scene.server.app;
  await scene.start();
  let asking = true;
  const people = (async () => {
    while (asking) await scene.ask(1, 3);
  })();
  const cuts = [
    () => line.drop(applicationId),
    () => frames.add({ kind: "cut", event: "MESSAGE_CREATE", times: 1 }),
    () => line.freeze(applicationId),
    ...(reduced ? [] : [() => line.requestReconnect(applicationId), () => line.invalidate(applicationId, true)]),
  ];
  const disturbances = [
    () => frames.add({ kind: "duplicate", event: "MESSAGE_CREATE", times: 3 }),
    () => frames.add({ kind: "reorder", event: "MESSAGE_CREATE", times: 2 }),
    () => line.sendText(applicationId, '{"op":0,"t":"MESSAGE_CREATE","s":'),
  ];
  const findings: string[] = [];
  for (let round = 0; round < (reduced ? 1 : 3); round += 1) {
    for (const disturb of disturbances) {
      await disturb();
      await delay(1_200);
    }
    for (const [index, cut] of cuts.entries()) {
      const before = await scene.connections();
      await cut();
      if (!(await scene.connectedSince(before))) findings.push(`no connection came after cut ${index + 1}`);
      // The pauses between attempts grow up to a minute, until a connection lasts.
      if (!reduced) await delay(LASTED_MS);
    }
  }
  // A session ends for good: what comes before the next one is read from the history.
  const before = await scene.connections();
  await line.forgetSessions(applicationId);
  await line.closeAll(applicationId, 4_000);
  if (!(await scene.connectedSince(before))) findings.push("no new session was begun");
  asking = false;
  await people;
  // The frame that no one can read is kept as one, however often it came.
  return await scene.judge({ findings, deadLetters: 1 });
}

/** The process is killed again and again while people ask; each one goes on where the one before stood. */
async function kills(scene: DiscordScene, count: number): Promise<Outcome> {
  let asking = true;
  let current = await scene.start();
  const people = (async () => {
    // Where starts take long, more would pile up than such a machine ever answers.
    for (let asked = 0; asking && asked < count * QUESTIONS_PER_KILL; asked += 1) await scene.ask(1, 6);
  })();
  let connected = 0;
  for (let time = 0; time < count; time += 1) {
    await delay(500 + (time % 4) * 350);
    const before = await scene.connections();
    await current.kill9();
    current = await scene.start();
    // One is killed in the midst of its events, the next one before it may have any: the lease of the dead one stands.
    if (time % 2 === 0 && (await scene.connectedSince(before))) connected += 1;
  }
  await delay(1_000);
  asking = false;
  await people;
  return await scene.judge({
    figures: { kills: count, connected },
    findings: connected < count / 2 ? [`only ${connected} of ${count / 2} processes had a connection when killed`] : [],
  });
}

const SERVED = STORES.filter((store) => store !== "pglite");

export const discordFaults: readonly Scenario[] = [
  {
    name: "discord-writes",
    stores: STORES,
    reduced: ["postgres"],
    run: async (stage) => await writes(await openDiscord(stage)),
  },
  { name: "discord-rate-limited", stores: SERVED, reduced: [], run: async (stage) => limits(await openDiscord(stage)) },
  {
    name: "discord-gateway",
    stores: SERVED,
    reduced: ["postgres"],
    run: async (stage) => gateway(await openDiscord(stage, { standIn: UNHURRIED }), stage.reduced),
  },
  {
    name: "discord-kills",
    stores: STORES,
    reduced: [],
    run: async (stage) => kills(await openDiscord(stage), stage.reduced ? 5 : 20),
  },
];
