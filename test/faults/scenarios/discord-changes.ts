import { setTimeout as delay } from "node:timers/promises";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import type { RequestEntry } from "../../support/discord/index.ts";
import { type DiscordScene, openDiscord, WRITES } from "../discord-scene.ts";
import type { LedgerAudit } from "../ledger-audit.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const WORKING_MS = 2_500;
const UNDER_WAY_MS = 800;
const OPENS_THREAD = "POST /channels/:channel/messages/:message/threads";
const EDITS = ["PATCH /webhooks/:webhook/:token/messages/:message", "PATCH /channels/:channel/messages/:message"];
/** Word of an outage takes its way through the gateway. */
const NOTICED_MS = 500;

/** A third of all messages comes twice, a third after the one that follows. */
async function duplicatesAndReorder(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  await scene.start();
  const { frames } = scene.discord;
  await frames.add({ kind: "duplicate", event: "MESSAGE_CREATE", probability: 0.3 });
  await frames.add({ kind: "reorder", event: "MESSAGE_CREATE", probability: 0.3, delayMs: 700 });
  await scene.ask(stage.reduced ? 80 : 300, 15);
  return await scene.judge();
}

/** A question is edited while the agent works: the answer is to what it says now, and previews of links change nothing. */
async function edited(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { people } = scene.discord;
  await scene.start();
  await scene.ask(6, 6);
  await scene.settle();
  const rounds = stage.reduced ? 3 : 12;
  const slow = (token: string): string => scene.question(token, `wait=${WORKING_MS} https://example.org/a`);
  for (let n = 1; n <= rounds; n += 1) {
    const [place, other] = [scene.places[n % 4], scene.places[(n + 1) % 4]];
    if (place === undefined || other === undefined) throw new Error("there is no place to ask in");
    const written = await people.postAs(place.user, place.channel, slow(`before-${n}`));
    const shown = await people.postAs(other.user, other.channel, slow(`shown-${n}`));
    await delay(UNDER_WAY_MS);
    for (let times = 0; times < 10; times += 1) await people.unfurl(shown.channel, shown.message);
    await people.editAs(place.user, place.channel, written.message, slow(`after-${n}`));
  }
  return await scene.judge({
    figures: { edits: rounds, unfurls: rounds * 10 },
    inspect: ({ turns }) => {
      const superseded = turns.get("superseded") ?? 0;
      return superseded === rounds ? [] : [`${superseded} turns were started anew for ${rounds} edits`];
    },
  });
}

/** A guild in an outage is not one that was left: answers are held, nobody loses a right, and all is said when it is back. */
async function outage(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { people, setup } = scene.discord;
  const { guild } = scene.server;
  await scene.start();
  await scene.ask(6, 6);
  await scene.settle();
  const [place] = scene.places;
  if (place === undefined) throw new Error("there is no place to ask in");
  // Of a new place nothing is known yet that would let an answer through.
  const fresh = await setup.addChannel(guild);
  const answeredIn: string[] = [place.channel, fresh];
  for (const [index, channel] of [place.channel, fresh].entries()) {
    const question = scene.question(`outage-${index + 1}`, `wait=${WORKING_MS}`);
    answeredIn.push((await people.postAs(place.user, channel, question)).message);
  }
  await delay(UNDER_WAY_MS);
  const from = wallMs();
  await people.setGuildAvailable(guild, false);
  await delay(WORKING_MS * 2);
  const during = await attemptsSince(scene, from + NOTICED_MS, answeredIn);
  await people.setGuildAvailable(guild, true);
  await delay(UNDER_WAY_MS);
  await scene.ask(10, 6);
  const outcome = await scene.judge({
    figures: { attemptsDuring: during.length },
    findings: during.length > 0 ? [`${during.length} answers were tried in a guild that is out of reach`] : [],
  });
  return withLosses(outcome, await lostStanding(stage, scene));
}

/** The bot is thrown out while the agent works: nothing more is tried there, and it may come back. */
async function thrownOut(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { people, setup } = scene.discord;
  const { app, guild, channels } = scene.server;
  await scene.start();
  await scene.ask(6, 6);
  await scene.settle();
  const [place] = scene.places;
  if (place === undefined) throw new Error("there is no place to ask in");
  const answeredIn: string[] = [...channels];
  for (const [index, channel] of channels.entries()) {
    const question = scene.question(`closed-${index + 1}`, `wait=${WORKING_MS}`);
    answeredIn.push((await people.postAs(place.user, channel, question)).message);
  }
  await delay(UNDER_WAY_MS);
  const from = wallMs();
  await people.leave(app.botUserId, guild);
  const without = (token: string): boolean => token.startsWith("closed-");
  await scene.settle(without);
  await delay(WORKING_MS * 2);
  const tried = await attemptsSince(scene, from, answeredIn);
  await setup.install(app.applicationId, guild);
  await delay(UNDER_WAY_MS);
  await scene.ask(6, 6);
  return await scene.judge({
    without,
    inspect: (ledger, asked) =>
      cancelled(
        ledger,
        asked.filter(({ token }) => without(token)),
      ),
    figures: { attempts: tried.length },
    findings: tried.length > 0 ? [`${tried.length} answers were tried in a guild that the bot was removed from`] : [],
  });
}

/** The agent has not begun to speak when its place is closed, or has; or it is silent until its answer is whole. */
const HOW_ANSWERED = {
  whole: `wait=${WORKING_MS}`,
  streamed: `wait=${WORKING_MS} stream=2400`,
  midway: "stream=6000",
} as const;
/** By then a stream is shown. */
const SHOWN_MS = 2_000;

/** The place is gone, or closed to the bot, while the agent works there: one attempt at most, an end that says why, and others go on. */
async function closed(stage: Stage, how: keyof typeof HOW_ANSWERED): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { people } = scene.discord;
  const { server } = scene;
  await scene.start();
  await scene.ask(6, 6);
  await scene.settle();
  const [deleted, hidden, threaded, free] = scene.places;
  if (deleted === undefined || hidden === undefined || threaded === undefined || free === undefined)
    throw new Error("there are too few places");
  const locked = await people.threadAs(threaded.user, threaded.channel, "A thread");
  const closing = [
    { channel: deleted.channel, close: () => people.deleteChannelAs(server.owner, deleted.channel) },
    { channel: hidden.channel, close: () => hide(scene, hidden.channel) },
    {
      channel: locked,
      close: () => people.changeThreadAs(server.owner, locked, { archived: true, locked: true }),
    },
  ];
  const answeredIn: string[][] = [];
  for (const [index, { channel }] of closing.entries()) {
    const question = scene.question(`closed-${index + 1}`, HOW_ANSWERED[how]);
    answeredIn.push([channel, (await people.postAs(free.user, channel, question)).message]);
  }
  await delay(how === "midway" ? SHOWN_MS : UNDER_WAY_MS);
  const from = wallMs();
  for (const { close } of closing) await close();
  await people.postAs(free.user, free.channel, scene.question("free-1"));
  await delay(WORKING_MS);
  const without = (token: string): boolean => token.startsWith("closed-");
  await scene.settle(without);
  // A second attempt would come after a pause.
  await delay(WORKING_MS * 2);
  const attempts = await Promise.all(answeredIn.map((places) => attemptsSince(scene, from, places)));
  const most = Math.max(...attempts.map((calls) => calls.length));
  const told = attempts
    .map((calls) => calls.map(({ route, status, code }) => `${route} ${status} ${code ?? ""}`).join(", "))
    .join(" | ");
  return await scene.judge({
    without,
    inspect: (ledger, asked) =>
      cancelled(
        ledger,
        asked.filter(({ token }) => without(token)),
      ),
    figures: { mostAttempts: most },
    findings: most > 1 ? [`${most} attempts in a place that is closed: ${told}`] : [],
  });
}

function cancelled(
  ledger: LedgerAudit,
  asked: readonly { readonly token: string; readonly channel: string; readonly ts: string }[],
): string[] {
  return asked.flatMap(({ token, channel, ts }) => {
    const row = ledger.messages.get(`${channel}|${ts}`);
    return row?.state === "cancelled" && row.reason !== undefined
      ? []
      : [`${token} is ${row?.state ?? "not stored"} (${row?.reason ?? "no reason"}), not cancelled`];
  });
}

/** Every try to write or to change what was written, or to open a thread to write in, from a wall time on; an answer's thread has the id of its question. */
async function attemptsSince(
  { discord }: DiscordScene,
  fromMs: number,
  places: readonly string[],
): Promise<RequestEntry[]> {
  const calls = await Promise.all([...WRITES, ...EDITS, OPENS_THREAD].map((route) => discord.requests.of(route)));
  return calls.flat().filter((call) => call.startedAt > fromMs && places.includes(call.channel ?? ""));
}

const wallMs = (): number => performance.timeOrigin + performance.now();

/** Rights that were taken away by a mere outage; looked at when no process has the ledger any more. */
async function lostStanding({ servers }: Stage, { folder }: DiscordScene): Promise<string[]> {
  const { databaseUrl } = servers;
  const database = await openDatabase({
    dataFolder: folder.dataFolder,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  });
  try {
    const [lost] = await database.query<{ installations: number; channels: number; memberships: number }>({
      text: `select (select count(*)::int from installations where status <> 'active') as installations,
        (select count(*)::int from channels where archived or self_member = false) as channels,
        (select count(*)::int from memberships where state = 'left') as memberships`,
    });
    return Object.entries(lost ?? { ledger: 1 }).flatMap(([what, count]) =>
      count > 0 ? [`${count} ${what} ended by an outage`] : [],
    );
  } finally {
    await database.close();
  }
}

function withLosses(outcome: Outcome, losses: readonly string[]): Outcome {
  return { ...outcome, findings: [...outcome.findings, ...losses] };
}

async function hide({ discord, server }: DiscordScene, channel: string): Promise<void> {
  await discord.people.setOverwrite(channel, { id: server.app.botUserId, type: "member", deny: ["VIEW_CHANNEL"] });
}

export const discordChanges: readonly Scenario[] = [
  { name: "discord-duplicates-and-reorder", stores: STORES, reduced: [], run: duplicatesAndReorder },
  { name: "discord-edited", stores: STORES, reduced: [], run: edited },
  { name: "discord-outage", stores: STORES, reduced: [], run: outage },
  { name: "discord-thrown-out", stores: STORES, reduced: [], run: thrownOut },
  { name: "discord-closed-places", stores: STORES, reduced: [], run: (stage) => closed(stage, "whole") },
  { name: "discord-closed-places-streamed", stores: STORES, reduced: [], run: (stage) => closed(stage, "streamed") },
  { name: "discord-closed-places-midway", stores: STORES, reduced: [], run: (stage) => closed(stage, "midway") },
];
