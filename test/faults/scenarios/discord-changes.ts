import { setTimeout as delay } from "node:timers/promises";
import { type DiscordScene, openDiscord, WRITES } from "../discord-scene.ts";
import type { LedgerAudit } from "../ledger-audit.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const WORKING_MS = 2_500;
const UNDER_WAY_MS = 800;

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

/** A guild in an outage is not one that was left: what was asked there is answered when it is back. */
async function outage(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { people } = scene.discord;
  await scene.start();
  await scene.ask(6, 6);
  await scene.settle();
  const [place] = scene.places;
  if (place === undefined) throw new Error("there is no place to ask in");
  await people.postAs(place.user, place.channel, scene.question("outage-1", `wait=${WORKING_MS}`));
  await delay(UNDER_WAY_MS);
  await people.setGuildAvailable(scene.server.guild, false);
  await delay(WORKING_MS * 2);
  await people.setGuildAvailable(scene.server.guild, true);
  await delay(UNDER_WAY_MS);
  await scene.ask(10, 6);
  return await scene.judge();
}

/** The place is gone, or closed to the bot, while the agent works there: one attempt at most, an end that says why, and others go on. */
async function closed(stage: Stage): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { people, requests } = scene.discord;
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
  for (const [index, { channel }] of closing.entries())
    await people.postAs(free.user, channel, scene.question(`closed-${index + 1}`, `wait=${WORKING_MS}`));
  await delay(UNDER_WAY_MS);
  const from = performance.timeOrigin + performance.now();
  for (const { close } of closing) await close();
  await people.postAs(free.user, free.channel, scene.question("free-1"));
  await delay(WORKING_MS);
  const without = (token: string): boolean => token.startsWith("closed-");
  await scene.settle(without);
  // A second attempt would come after a pause.
  await delay(WORKING_MS * 2);
  const calls = await Promise.all(WRITES.map((route) => requests.of(route)));
  const writes = calls.flat().filter((call) => call.startedAt > from);
  const attempts = closing.map(({ channel }) => writes.filter((call) => call.channel === channel));
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

async function hide({ discord, server }: DiscordScene, channel: string): Promise<void> {
  await discord.people.setOverwrite(channel, { id: server.app.botUserId, type: "member", deny: ["VIEW_CHANNEL"] });
}

export const discordChanges: readonly Scenario[] = [
  { name: "discord-duplicates-and-reorder", stores: STORES, reduced: [], run: duplicatesAndReorder },
  { name: "discord-edited", stores: STORES, reduced: [], run: edited },
  { name: "discord-outage", stores: STORES, reduced: [], run: outage },
  { name: "discord-closed-places", stores: STORES, reduced: [], run: closed },
];
