import { setTimeout as delay } from "node:timers/promises";
import { type DiscordScene, openDiscord, WRITES } from "../discord-scene.ts";
import { firstAnswers } from "../order-check.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const MINUTE_MS = 60_000;
const [BY_WEBHOOK = ""] = WRITES;
/** How much slower other channels may become. */
const SLOWER = 1.5;
/** What a machine that does other things as well adds to any time. */
const NOISE_MS = 300;
/** In ten minutes; Discord bans an address that has 10,000. */
const MAX_INVALID = 100;
/** After a pause, until what waited was said. */
const RESUMED_WITHIN_MS = 60_000;

interface Spot {
  readonly channel: string;
  readonly user: string;
}

/**
 * Two channels are told to wait for long, one of them by what others did; then everything is. Nobody calls before a pause is
 * over, nothing is given up, and who may go on goes on as before.
 */
async function limited(stage: Stage, pauseMs: number): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { faults, requests, people } = scene.discord;
  await scene.start();
  await scene.ask(6, 4);
  await scene.settle();
  const waiting: Spot[] = [];
  // Answers in a thread that stands are written there, so that a limit can be bound to it.
  for (const { channel, user } of scene.places.slice(0, 2))
    waiting.push({ user, channel: await people.threadAs(user, channel, "A thread") });
  const free = scene.places.slice(2);
  const [own, others] = waiting;
  if (own === undefined || others === undefined) throw new Error("there are too few places");

  await ask(scene, [...free, ...waiting], { label: "calm", count: 36 });
  await scene.settle();
  const calm = p95(await answerTimes(scene, "calm"));

  const limit = { kind: "rate_limited", route: BY_WEBHOOK, retryAfterMs: pauseMs, times: 1 } as const;
  const ids = [
    await faults.add({ ...limit, channel: own.channel }),
    await faults.add({ ...limit, channel: others.channel, scope: "shared" }),
  ];
  await ask(scene, waiting, { label: "paused", count: 6 });
  await ask(scene, free, { label: "free", count: 36 });
  await scene.settle((token) => token.startsWith("paused-"));
  const free95 = p95(await answerTimes(scene, "free"));
  const meanwhile = await answerTimes(scene, "paused");
  await untilAnswered(scene, pauseMs + RESUMED_WITHIN_MS);

  ids.push(await faults.add({ kind: "rate_limited", scope: "global", retryAfterMs: pauseMs, times: 1 }));
  await ask(scene, [...free, ...waiting], { label: "all", count: 12 });
  await untilAnswered(scene, pauseMs + RESUMED_WITHIN_MS);

  const struck = await Promise.all(ids.map((id) => faults.struck(id)));
  const early = await requests.callsBeforeRetryAfter();
  const invalid = await requests.invalidRequests();
  return await scene.judge({
    figures: { pauseMs, calmP95Ms: calm, freeP95Ms: free95, early: early.length, invalid },
    findings: [
      ...(struck.some((times) => times === 0) ? [`not every limit struck: ${struck.join(", ")}`] : []),
      ...(early.length > 0 ? [`${early.length} calls came before the pause was over`] : []),
      ...(free95 > calm * SLOWER + NOISE_MS ? [`other channels took ${free95} ms instead of ${calm} ms`] : []),
      ...(meanwhile.length > 0 ? [`${meanwhile.length} answers came in a channel that had to wait`] : []),
      ...(invalid >= MAX_INVALID ? [`${invalid} invalid requests`] : []),
    ],
  });
}

async function ask(
  scene: DiscordScene,
  spots: readonly Spot[],
  { label, count }: { readonly label: string; readonly count: number },
): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const spot = spots[n % spots.length];
    if (spot === undefined) throw new Error("there is no place to ask in");
    await scene.discord.people.postAs(spot.user, spot.channel, scene.question(`${label}-${n + 1}`));
    await delay(250);
  }
}

/** From question to answer, of those of the label that have one, in ms. */
async function answerTimes(scene: DiscordScene, label: string): Promise<number[]> {
  const { asked, log } = await scene.history("");
  const answers = firstAnswers(log);
  const at = new Map(log.map((entry) => [entry.seq, entry.at]));
  return asked.flatMap(({ token, acknowledgedAt }) => {
    const answeredAt = at.get(answers.get(token) ?? -1);
    return token.startsWith(`${label}-`) && answeredAt !== undefined && acknowledgedAt !== undefined
      ? [Math.round(answeredAt - acknowledgedAt)]
      : [];
  });
}

function p95(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b).at(Math.floor(times.length * 0.95)) ?? 0;
}

/** A settling gives up after a minute and a half; a pause may be longer. */
async function untilAnswered(scene: DiscordScene, withinMs: number): Promise<void> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; ) {
    const startedAt = performance.now();
    await scene.settle();
    // It gave up because nothing is missing, or because its own time was over.
    if (performance.now() - startedAt < MINUTE_MS) return;
  }
}

export const discordLimits: readonly Scenario[] = [
  { name: "discord-limited-60-seconds", stores: STORES, reduced: [], run: (stage) => limited(stage, MINUTE_MS) },
  {
    name: "discord-limited-20-minutes",
    stores: ["postgres"],
    reduced: [],
    run: (stage) => limited(stage, 20 * MINUTE_MS),
  },
];
