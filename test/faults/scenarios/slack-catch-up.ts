import { setTimeout as delay } from "node:timers/promises";
import { checkHistory } from "../../support/slack/index.ts";
import { untilTaken } from "../events-taken.ts";
import { type Outcome, type Scenario, STORES, type StoreKind } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { type JudgedHistory, judge, untilIdle } from "../verdict.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** What Parley answers is younger than this. */
const ANSWER_AGE_MS = 30 * MINUTE_MS;
/** Messages near the age of answers would depend on the speed of the machine. */
const MARGIN_MS = 3 * MINUTE_MS;
/** What was missed is in the ledger after so long. */
const CAUGHT_UP_WITHIN_MS = 5 * MINUTE_MS;
const SETTLE_MS = 90_000;
/** Of so many questions of a place, one is asked in its old thread. */
const IN_THREAD = 3;

interface Offline {
  readonly transport: "http" | "socket";
  readonly lengthMs: number;
  readonly count: number;
  /** The process that catches up is killed in the midst of it. */
  readonly killed?: boolean;
}

/**
 * Nothing ran for a time, for longer than Slack retries: what was said is read from its history. Time is Slack's: messages carry
 * timestamps of the past, and so does the last one of each place that was taken before.
 */
async function offline(stage: Stage, { transport, lengthMs, count, killed = false }: Offline): Promise<Outcome> {
  const scene = await stage.open({ transport, threads: 0, slack: { delivery: { retryDelaysMs: [0] } } });
  const { slack, workspace, folder } = scene;
  const first = await scene.start();
  const [user = "", other = user] = workspace.users;
  const [left = "", ...kept] = workspace.channels;
  const places = [...kept.map((channel) => ({ channel, user })), ...scene.places];
  const roots = new Map<string, string>();
  for (const { channel, user: who } of [...places, { channel: left, user }])
    roots.set(channel, (await slack.people.postAs(who, channel, "Long ago.", { ageMs: lengthMs + MINUTE_MS })).ts);
  await untilTaken(first, roots.size);
  await untilIdle(first);
  await first.stop();

  const young = new Set<string>();
  const old = new Set<string>();
  for (let n = 0; n < count; n += 1) {
    const place = places[n % places.length];
    const ageMs = Math.floor(lengthMs * (1 - n / count));
    if (place === undefined || Math.abs(ageMs - ANSWER_AGE_MS) < MARGIN_MS) continue;
    const token = `missed-${n + 1}`;
    const threadTs = Math.floor(n / places.length) % IN_THREAD === 0 ? roots.get(place.channel) : undefined;
    const text = `<@${workspace.bot.botUserId}> question [#${token}]`;
    await slack.people.postAs(place.user, place.channel, text, {
      ageMs,
      ...(threadTs === undefined ? {} : { threadTs }),
    });
    (ageMs < ANSWER_AGE_MS ? young : old).add(token);
  }
  await slack.people.kick(user, left, workspace.bot.botUserId);
  const unheard = (await slack.people.postAs(other, left, "Where the bot is no more.")).ts;
  while ((await slack.deliveries.pendingCount()) > 0) await delay(100);

  const startedAt = performance.now();
  const missed = young.size + old.size;
  const without = (token: string): boolean => !young.has(token);
  let last = await scene.start();
  if (killed) {
    await untilTaken(last, Math.floor(missed / 4), CAUGHT_UP_WITHIN_MS);
    await last.kill9();
    last = await scene.start();
  } else await untilTaken(last, missed, CAUGHT_UP_WITHIN_MS);
  // No delivery brought them: they count as accepted because they are in the history.
  const history = async (): Promise<JudgedHistory> => {
    const { asked, log } = await scene.history("");
    return { asked: asked.map((one) => ({ acknowledgedAt: performance.timeOrigin, ...one })), log };
  };
  for (const deadline = performance.now() + SETTLE_MS; performance.now() < deadline; await delay(200))
    if (checkHistory(await history()).lost.every(({ token }) => without(token))) break;
  await untilIdle(last);
  const caughtUpMs = Math.round(performance.now() - startedAt);

  const { log } = await history();
  const quoted = log.flatMap(({ by, text }) => (by === "app" ? [text ?? ""] : [])).join("\n");
  const answeredOld = [...old].filter((token) => quoted.includes(`[#${token}]`));
  const calls = await Promise.all(
    ["conversations.history", "conversations.replies"].map((method) => slack.requests.of(method)),
  );
  const reads = calls.flat();
  const ofLeft = reads.filter((call) => call.channel === left).length;
  const early = (await slack.requests.callsBeforeRetryAfter()).length;
  return await judge(
    {
      scene: { folder, acceptedWhenStored: true, ledgerWithinMs: 40_000, history },
      store: stage.store,
      servers: stage.servers,
      processes: stage.processes,
    },
    {
      without,
      figures: { missed, young: young.size, caughtUpMs, reads: reads.length, oldAnswered: answeredOld.length },
      findings: [
        ...(answeredOld.length > 0 ? [`${answeredOld.length} answers to what was too old`] : []),
        ...(ofLeft > 0 ? [`${ofLeft} reads of a channel that was left`] : []),
        ...(early > 0 ? [`${early} calls before Slack wanted them`] : []),
        ...(young.size === 0 ? ["nothing was young enough: the run proves little"] : []),
      ],
      inspect: (ledger, asked) => {
        const found = asked.flatMap(({ token, channel, ts }) => {
          const row = ledger.messages.get(`${channel}|${ts}`);
          if (row === undefined) return [`${token} is in the history and not in the ledger`];
          return old.has(token) && row.state !== "expired" ? [`${token} is ${row.state}, not expired`] : [];
        });
        if (ledger.messages.has(`${left}|${unheard}`)) found.push("a row of what was said where the bot is no more");
        return found.length > 4 ? [...found.slice(0, 4), `and ${found.length - 4} more`] : found;
      },
    },
  );
}

const LENGTHS: readonly (readonly [string, number, number])[] = [
  ["10-minutes", 10 * MINUTE_MS, 60],
  ["2-hours", 2 * HOUR_MS, 500],
  ["26-hours", 26 * HOUR_MS, 1_000],
];
const MANY = 5_200;
const REDUCED: readonly StoreKind[] = ["postgres"];

export const slackCatchUp: readonly Scenario[] = (["http", "socket"] as const).flatMap((transport) => [
  ...LENGTHS.map(
    ([name, lengthMs, count]): Scenario => ({
      name: `slack-${transport}-offline-${name}`,
      stores: STORES,
      reduced: transport === "http" && name === "2-hours" ? REDUCED : [],
      run: (stage) => offline(stage, { transport, lengthMs, count: stage.reduced ? 60 : count }),
    }),
  ),
  {
    name: `slack-${transport}-offline-5000-missed`,
    stores: ["postgres"],
    reduced: [],
    run: (stage) => offline(stage, { transport, lengthMs: 26 * HOUR_MS, count: MANY }),
  },
  {
    name: `slack-${transport}-offline-killed`,
    stores: STORES,
    reduced: [],
    run: (stage) => offline(stage, { transport, lengthMs: 2 * HOUR_MS, count: 500, killed: true }),
  },
]);
