import { setTimeout as pause } from "node:timers/promises";
import { until } from "../app/slack-app.ts";
import { createRunFolder, startParley } from "../parley/index.ts";
import { checkHistory, createSlackStandIn, type DeliveryRecord, tokenNumber } from "../slack/index.ts";
import { type BodyFlood, type BodyFloodReport, startBodyFlood } from "./body-flood.ts";
import { watchMemory } from "./process-memory.ts";

const PER_SECOND = 20;
const WARM_UP_MS = 10_000;
/** Every so many messages is a question; the others are what people say to one another. */
const QUESTION_EVERY = 10;
/** How the stand-in calls what was answered with a refusal, and what was cut off. */
const REJECTED: ReadonlySet<string> = new Set(["http_error", "connection_failed"]);
const MIB = 1024 ** 2;

export interface BodiesTrialOptions {
  readonly drips: number;
  readonly streams: number;
  readonly floodMs: number;
  readonly databaseUrl?: string | undefined;
}

export interface BodiesTrial {
  /** Signed events that were sent during the flood. */
  readonly events: number;
  /** Of those, how many attempts were refused or cut off, rather than late. */
  readonly rejected: number;
  /** Of those, how many were acknowledged at no attempt. */
  readonly lost: number;
  /** Times to the acknowledgement during the flood, and with the same work before it. */
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly calmP99Ms: number;
  /** What the process grew by over its largest before the flood, in MiB. */
  readonly grownMib: number;
  /** Questions that were lost, answered twice or elsewhere. */
  readonly wrongAnswers: readonly string[];
  readonly flood: BodyFloodReport;
}

/** Security rule R12: a real Parley that is flooded with slow and endless requests while Slack delivers what people say. */
export async function runBodiesTrial(options: BodiesTrialOptions): Promise<BodiesTrial> {
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.01 } });
  const space = slack.setup.smallWorkspace({ channels: 3, users: 2, transport: "http" });
  const folder = await createRunFolder();
  const parley = await startParley({
    folder,
    databaseUrl: options.databaseUrl,
    slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
  });
  let flood: BodyFlood | undefined;
  try {
    slack.setup.configureApp(space.app.appId, { requestUrl: `${parley.url}/slack/events` });
    let said = 0;
    const talk = async (forMs: number): Promise<void> => {
      const endsAt = performance.now() + forMs;
      while (performance.now() < endsAt) {
        const isQuestion = said % QUESTION_EVERY === 0;
        const [user = ""] = space.users;
        const channel = space.channels[said % space.channels.length] ?? "";
        const text = isQuestion ? `<@${space.bot.botUserId}> echo [#${tokenNumber(said + 1)}]` : `and so on ${said}`;
        slack.people.postAs(user, channel, text);
        said += 1;
        await pause(1_000 / PER_SECOND);
      }
    };
    const memory = watchMemory(parley.pid);
    await talk(WARM_UP_MS);
    const before = memory.take();
    const first = slack.core.deliveries.records.length;
    flood = await startBodyFlood({ port: parley.port, drips: options.drips, streams: options.streams });
    await talk(options.floodMs);
    const grownMib = (memory.take() - before) / MIB;
    memory.stop();
    const last = slack.core.deliveries.records.length;
    const seen = await flood.stop();
    flood = undefined;
    const verdict = () => checkHistory({ asked: slack.people.asked(), log: slack.log.entries });
    await until(() => verdict().lost.length === 0, 30_000).catch(() => undefined);
    await slack.deliveries.whenIdle();
    const all = slack.core.deliveries.records;
    const records = all.slice(first, last);
    const tookMs = sortedTimes(records);
    const history = verdict();
    return {
      events: records.length,
      rejected: records.flatMap(({ attempts }) => attempts).filter(({ result }) => REJECTED.has(result ?? "")).length,
      lost: records.filter(({ state }) => state !== "acknowledged").length,
      p99Ms: atShare(tookMs, 0.99),
      maxMs: atShare(tookMs, 1),
      calmP99Ms: atShare(sortedTimes(all.slice(0, first)), 0.99),
      grownMib: Math.round(grownMib),
      wrongAnswers: [...history.lost, ...history.twice, ...history.foreign].map(({ token, why }) => `${token}: ${why}`),
      flood: seen,
    };
  } finally {
    await flood?.stop();
    await parley.stop();
    await slack.close();
    await folder.remove();
  }
}

/** How long the app took to acknowledge each, from the first attempt to its end; what it never acknowledged took for ever. */
function sortedTimes(records: readonly DeliveryRecord[]): readonly number[] {
  return records
    .map(({ attempts: [attempt] }) => (attempt?.endedAt ?? Number.POSITIVE_INFINITY) - (attempt?.at ?? 0))
    .toSorted((a, b) => a - b);
}

function atShare(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.POSITIVE_INFINITY);
}
