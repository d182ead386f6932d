import { setTimeout as delay } from "node:timers/promises";
import { type DiscordScene, HOUR_MS, MAX_IDENTIFIES, openDiscord } from "../discord-scene.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** Beyond the intervals of the heartbeat, for a machine that is busy with other runs. */
const LENIENCE_MS = 2_000;
/** Long enough that what the client allows for a slow line does not outweigh it. */
const SLOW_HEARTBEAT_MS = 10_000;
const READY_WITHIN_MS = 15_000;
/** A start comes to its connection after so long at the latest. */
const CONNECTS_WITHIN_MS = 60_000;
const CONNECTED_MS = 700;
/** A session that is refused is followed by a new one after two seconds, where one may be begun. */
const REFUSED_MS = 4_000;
const SETTLED_MS = 5_000;
const CRASHES = 100;
/** Answered are messages of the last half hour; near its end it depends on the speed of the machine. */
const YOUNG_MS = 27 * 60_000;

/** Killed while people ask, and started again while they go on: first into a session that lives, then into none. */
async function resume(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { applicationId } = scene.server.app;
  const { gateway } = scene.discord;
  const first = await scene.start();
  await scene.ask(10, 8);
  await first.kill9();
  await scene.ask(12, 20);
  let before = await scene.connections();
  const second = await scene.start();
  const findings: string[] = [];
  if (!(await scene.connectedSince(before))) findings.push("the second process never connected");
  await scene.ask(10, 8);
  const resumed = (await gateway.resumes()).filter(({ outcome }) => outcome === "resumed");
  const replayed = resumed.reduce((sum, one) => sum + one.replayed, 0);
  if ((await gateway.identifies(applicationId)).length !== 1) findings.push("the session was not taken up again");
  if (replayed < 12) findings.push(`only ${replayed} of 12 missed events were replayed`);

  await second.kill9();
  await scene.ask(12, 20);
  await gateway.forgetSessions(applicationId);
  before = await scene.connections();
  await scene.start();
  if (!(await scene.connectedSince(before))) findings.push("the third process never connected");
  await scene.ask(10, 8);
  const refused = (await gateway.resumes()).filter(({ outcome }) => outcome === "invalid_session").length;
  const begun = (await gateway.identifies(applicationId)).length;
  if (begun !== 2) findings.push(`${begun} sessions were begun instead of two`);
  if (refused !== 1) findings.push(`${refused} times the ended session was asked for, instead of once`);
  return await scene.judge({ findings, figures: { replayed, refused } });
}

/** A token that is refused stops everything at once; with the new one what was asked meanwhile is answered. */
async function refusedToken(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { applicationId } = scene.server.app;
  const { gateway, conditions } = scene.discord;
  const attempts = async (): Promise<number> =>
    (await gateway.identifies()).length + (await gateway.resumes()).filter((one) => one.outcome === "refused").length;
  const first = await scene.start();
  await scene.ask(6, 6);
  await scene.settle();
  const token = await conditions.resetToken(applicationId);
  const before = await attempts();
  await gateway.closeAll(applicationId, 4_004, "Authentication failed.");
  await scene.ask(6, 2);
  await delay(SETTLED_MS);
  const after = (await attempts()) - before;
  const findings = after > 0 ? [`${after} attempts after the token was refused`] : [];

  await first.kill9();
  // Whoever restarts it does not know; each start may try once and has to leave it at that.
  const restarted = await scene.start({ readyWithinMs: READY_WITHIN_MS }).catch(() => undefined);
  await delay(SETTLED_MS);
  const again = (await attempts()) - before;
  if (again > 2) findings.push(`${again} attempts with a dead token`);
  await restarted?.kill9();
  await scene.start({ env: { DISCORD_BOT_TOKEN: token } });
  await scene.ask(4, 4);
  return await scene.judge({ findings, figures: { attempts: again } });
}

/**
 * Killed over and over, each time without a session to go on with, while people ask. Once no more may be begun, a start asks in vain
 * and is not ready; when the hour is over one is begun, and what was said meanwhile is read: all of it is stored, and what is young
 * enough is answered.
 */
async function crashLoop(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { applicationId } = scene.server.app;
  const { gateway, people } = scene.discord;
  const begun = async (): Promise<number> => (await gateway.identifies(applicationId)).length;
  const refused = async (): Promise<number> => (await gateway.resumes()).length;
  let started = 0;
  for (let time = 0; time < CRASHES; time += 1) {
    await gateway.forgetSessions(applicationId);
    const before = { begun: await begun(), refused: await refused() };
    const isSpent = before.begun >= MAX_IDENTIFIES;
    const startedWhen = async (): Promise<boolean> =>
      isSpent ? (await refused()) > before.refused : (await begun()) > before.begun;
    const one = await scene.start({ readyWithinMs: CONNECTS_WITHIN_MS, startedWhen }).catch(() => undefined);
    if (one !== undefined) started += 1;
    await scene.ask(1, 10);
    await delay(isSpent ? REFUSED_MS : CONNECTED_MS);
    await one?.kill9();
    if (time % 10 === 9) stage.say(`${time + 1} crashes, ${await begun()} identifies`);
  }
  const identifies = await gateway.identifies(applicationId);
  const lastAtMs = identifies.at(-1)?.at ?? 0;
  // The last of those that were begun in the hour may have been killed before it had stored what was said in it.
  const saidWhen = async (isOf: (atMs: number) => boolean): Promise<string[]> =>
    (await people.asked()).filter((one) => isOf(one.acknowledgedAt ?? 0)).map(({ token }) => token);
  const heard = await saidWhen((atMs) => atMs < lastAtMs);
  stage.say("the next session may be begun when the hour is over");
  const startedWhen = async (): Promise<boolean> => (await begun()) > identifies.length;
  await scene.start({ readyWithinMs: HOUR_MS + CONNECTS_WITHIN_MS, startedWhen });
  const againAtMs = Date.now();
  const old = new Set(await saidWhen((atMs) => againAtMs - atMs >= YOUNG_MS));
  for (const token of heard) old.delete(token);
  await scene.ask(6, 6);
  return await scene.judge({
    without: (token) => old.has(token),
    figures: { crashes: CRASHES, started, pauseMs: againAtMs - lastAtMs, tooOld: old.size },
    inspect: (ledger, asked) => {
      const missing = asked.filter(({ channel, ts }) => !ledger.messages.has(`${channel}|${ts}`));
      return missing.length > 0 ? [`${missing.length} messages are not stored, ${missing[0]?.token} the first`] : [];
    },
    findings: [
      ...(identifies.length < 2 ? ["hardly any session was begun: the run proves nothing"] : []),
      ...(started < 2 * MAX_IDENTIFIES
        ? [`only ${started} of ${CRASHES} starts came to Discord: it proves little`]
        : []),
    ],
  });
}

/** Nothing comes any more, and nobody says so: the client notices by its heartbeats. */
async function halfOpen(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage, { standIn: { gateway: { heartbeatIntervalMs: SLOW_HEARTBEAT_MS } } });
  await scene.start();
  await scene.ask(6, 6);
  const findings: string[] = [];
  let longest = 0;
  for (let time = 0; time < 2; time += 1) {
    longest = Math.max(longest, await silence(scene));
    await scene.ask(4, 8);
  }
  if (longest > 2 * SLOW_HEARTBEAT_MS + LENIENCE_MS) findings.push(`noticed only after ${longest} ms`);
  return await scene.judge({ findings, figures: { noticedAfterMs: longest } });
}

async function silence({ discord, server }: DiscordScene): Promise<number> {
  const before = (await discord.gateway.resumes()).length;
  const from = Date.now();
  await discord.gateway.freeze(server.app.applicationId);
  for (;;) {
    const resumed = (await discord.gateway.resumes())[before];
    if (resumed !== undefined) return resumed.at - from;
    if (Date.now() - from > 60_000) return 60_000;
    await delay(50);
  }
}

export const discordSessions: readonly Scenario[] = [
  { name: "discord-resume", stores: STORES, reduced: ["postgres-redis"], run: resume },
  { name: "discord-refused-token", stores: STORES, reduced: [], run: refusedToken },
  { name: "discord-crash-loop", stores: ["pglite", "postgres"], reduced: [], run: crashLoop },
  { name: "discord-half-open", stores: STORES, reduced: [], run: halfOpen },
];
