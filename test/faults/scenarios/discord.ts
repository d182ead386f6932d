import { setTimeout as delay } from "node:timers/promises";
import { type RemoteDiscord, spawnDiscordStandIn } from "../../support/discord/index.ts";
import { createRunFolder, type ParleyProcess, startParley } from "../../support/parley/index.ts";
import { checkHistory, type Finding } from "../../support/slack/index.ts";
import type { Outcome, Scenario, StoreKind } from "../scenario.ts";
import type { Stage } from "../stage.ts";

type SmallServer = Awaited<ReturnType<RemoteDiscord["setup"]["smallServer"]>>;

/** Where agents write: by the webhook of a channel, or as the bot in direct messages. */
const WRITES = ["POST /webhooks/:webhook/:token", "POST /channels/:channel/messages"];
/** A write that was never answered is given up after 15 s, and looked for before it is tried again. */
const SETTLE_MS = 120_000;
const SHOWN = 3;
/** What an hour of crashes may cost. */
const MAX_IDENTIFIES = 10;
const HEARTBEAT_MS = 1_500;

/** One guild with people who ask, and the Parley processes that a scenario starts and kills. */
interface Scene {
  readonly discord: RemoteDiscord;
  readonly server: SmallServer;
  start(): Promise<ParleyProcess>;
  /** Asks so many questions, in turn in each channel and directly, at a steady rate. */
  ask(count: number, perSecond: number): Promise<void>;
  /** Waits until each question has its answer, and says what is wrong. */
  judge(more?: Outcome): Promise<Outcome>;
}

async function withScene(stage: Stage, run: (scene: Scene) => Promise<Outcome>): Promise<Outcome> {
  const discord = await spawnDiscordStandIn({ gateway: { heartbeatIntervalMs: HEARTBEAT_MS, identifyWindowMs: 0 } });
  const folder = await createRunFolder();
  const processes: ParleyProcess[] = [];
  try {
    const server = await discord.setup.smallServer({ channels: 4, users: 2, name: "Parley" });
    const places = [...server.channels];
    for (const user of server.users) places.push(await discord.people.openDirect(user, server.app.botUserId));
    let asked = 0;
    const outcome = await run({
      discord,
      server,
      async start() {
        const { databaseUrl, redisUrl } = stage.servers;
        const env = discordEnvironment(discord, server);
        const started = await startParley({ folder, databaseUrl, redisUrl, env });
        processes.push(started);
        return started;
      },
      async ask(count, perSecond) {
        for (const until = asked + count; asked < until; ) {
          const index = asked % places.length;
          const direct = index - server.channels.length;
          const user = server.users[direct >= 0 ? direct : asked % server.users.length] ?? "";
          asked += 1;
          const text = `<@${server.app.botUserId}> question [#discord-${asked}]`;
          await discord.people.postAs(user, places[index] ?? "", text);
          await delay(1_000 / perSecond);
        }
      },
      judge: (more) => judge(discord, server, more),
    });
    if (outcome.findings.length > 0)
      stage.say(
        processes
          .map((one) => one.logTail())
          .filter((text) => text !== "")
          .join("\n--\n"),
      );
    return outcome;
  } finally {
    await Promise.all(processes.map((one) => one.kill9()));
    await discord.close();
    await folder.remove();
  }
}

function discordEnvironment(discord: RemoteDiscord, { app }: SmallServer): Record<string, string> {
  return {
    DISCORD_BOT_TOKEN: app.botToken,
    DISCORD_API_URL: `${discord.apiUrl}/v10`,
    DISCORD_CDN_HOSTS: new URL(discord.cdnUrl).host,
    DISCORD_SHARDS: "1",
    DISCORD_PACING: "off",
  };
}

async function judge(discord: RemoteDiscord, { app }: SmallServer, more?: Outcome): Promise<Outcome> {
  const deadline = performance.now() + SETTLE_MS;
  const look = async () => checkHistory({ asked: await discord.people.asked(), log: await discord.people.written() });
  let verdict = await look();
  while (verdict.lost.length > 0 && performance.now() < deadline) {
    await delay(200);
    verdict = await look();
  }
  // What is said twice is said late.
  await delay(1_500);
  verdict = await look();
  const asked = await discord.people.asked();
  const identifies = await discord.gateway.identifies(app.applicationId);
  const resumes = await discord.gateway.resumes();
  const findings = [
    ...listed("lost", verdict.lost),
    ...listed("twice", verdict.twice),
    ...listed("in the wrong place", verdict.foreign),
    ...(asked.length === 0 ? ["nothing was asked: the run proves nothing"] : []),
    ...(identifies.length > MAX_IDENTIFIES ? [`${identifies.length} identifies`] : []),
    ...(more?.findings ?? []),
  ];
  const figures = { asked: asked.length, identifies: identifies.length, resumes: resumes.length, ...more?.figures };
  return { findings, figures };
}

function listed(what: string, found: readonly Finding[]): string[] {
  if (found.length === 0) return [];
  const shown = found.slice(0, SHOWN).map(({ token, why }) => `${token}: ${why}`);
  return [`${found.length} ${what}: ${shown.join("; ")}`];
}

/** Each kind of failure strikes a few writes: what may have been written is found again, what was not is written once more. */
async function writes(scene: Scene): Promise<Outcome> {
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
async function limits(scene: Scene): Promise<Outcome> {
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
async function gateway(scene: Scene, reduced: boolean): Promise<Outcome> {
  const { gateway: line, frames } = scene.discord;
  const { applicationId } = scene.server.app;
  await scene.start();
  let asking = true;
  const people = (async () => {
    while (asking) await scene.ask(1, 8);
  })();
  for (let round = 0; round < (reduced ? 1 : 3); round += 1) {
    for (const befall of [
      () => line.drop(applicationId),
      () => line.requestReconnect(applicationId),
      () => frames.add({ kind: "cut", event: "MESSAGE_CREATE", times: 1 }),
      () => frames.add({ kind: "duplicate", event: "MESSAGE_CREATE", times: 3 }),
      () => frames.add({ kind: "reorder", event: "MESSAGE_CREATE", times: 2 }),
      () => line.sendText(applicationId, '{"op":0,"t":"MESSAGE_CREATE","s":'),
      () => line.invalidate(applicationId, true),
      () => line.freeze(applicationId),
    ]) {
      await befall();
      await delay(1_200);
    }
  }
  // A session ends for good: what comes before the next one is read from the history.
  await line.forgetSessions(applicationId);
  await line.closeAll(applicationId, 4_000);
  await delay(2_000);
  asking = false;
  await people;
  return await scene.judge();
}

/** The process is killed again and again while people ask; each one goes on where the one before stood. */
async function kills(scene: Scene, count: number): Promise<Outcome> {
  let asking = true;
  let current = await scene.start();
  const people = (async () => {
    while (asking) await scene.ask(1, 6);
  })();
  for (let time = 0; time < count; time += 1) {
    await delay(500 + (time % 4) * 350);
    await current.kill9();
    current = await scene.start();
  }
  await delay(1_000);
  asking = false;
  await people;
  const { findings, figures } = await scene.judge();
  return { findings, figures: { ...figures, kills: count } };
}

const SERVED: readonly StoreKind[] = ["postgres", "postgres-redis"];

export const discordFaults: readonly Scenario[] = [
  { name: "discord-writes", stores: SERVED, reduced: ["postgres"], run: (stage) => withScene(stage, writes) },
  { name: "discord-rate-limited", stores: SERVED, reduced: [], run: (stage) => withScene(stage, limits) },
  {
    name: "discord-gateway",
    stores: SERVED,
    reduced: ["postgres"],
    run: (stage) => withScene(stage, (scene) => gateway(scene, stage.reduced)),
  },
  {
    name: "discord-kills",
    stores: ["pglite", ...SERVED],
    reduced: [],
    run: (stage) => withScene(stage, (scene) => kills(scene, stage.reduced ? 5 : 20)),
  },
];
