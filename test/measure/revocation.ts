import { setTimeout as pause } from "node:timers/promises";
import { defineAgent } from "../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../support/app/slack-app.ts";
import { startPostgres } from "../support/servers/index.ts";
import { SeededRandom } from "../support/slack/model/seeded-random.ts";
import type { Measurement, MeasureOptions, MeasureResult } from "./measurement.ts";

const TRIALS = 2_000;
const AT_ONCE = 20;
/** Sends that start later than this after the commit of the leave are too late. */
const GRACE_MS = 1_000;
/** How long the platform's log is watched after the leave. */
const WATCH_MS = 3_500;
/** Methods that read; everything else that names the channel is something that the agent does there. */
const READS = /^(?:conversations\.|users\.|auth\.|team\.)/;

/** Being put out is the most frequent. */
const ENDINGS = ["kick", "kick", "kick_and_return", "archive"] as const;
type Ending = (typeof ENDINGS)[number];

/** An agent that is in every phase of a turn for a while: thinking, streaming, and writing several posts. */
const worker = defineAgent(async function* (request) {
  const [, thinkMs = "0", streamMs = "0", parts = "1"] = /work (\d+) (\d+) (\d+)/.exec(request.trigger.text) ?? [];
  await pause(Number(thinkMs));
  const until = performance.now() + Number(streamMs);
  while (performance.now() < until) {
    yield "words ";
    await pause(40);
  }
  yield "done";
  for (let part = 1; part < Number(parts); part += 1)
    yield { type: "text", markdown: `part ${part} ${"x".repeat(11_000)}` };
});

interface Trial {
  readonly ending: Ending;
  readonly phase: string;
  readonly late: readonly string[];
}

async function runTrial(parley: SlackApp, random: SeededRandom, number: number): Promise<Trial> {
  const { slack, space, user, ledger } = parley;
  const ending: Ending = ENDINGS[random.between(0, ENDINGS.length - 1)] ?? "kick";
  const channel = slack.setup.addChannel(space.team.id, {
    name: `trial-${number}`,
    members: [user, space.bot.botUserId],
  }).id;
  const think = random.between(0, 400);
  const stream = random.chance(0.6) ? random.between(0, 1_500) : 0;
  slack.people.postAs(user, channel, parley.ask("worker", `work ${think} ${stream} ${random.between(1, 4)}`));
  await pause(random.between(0, 2_200));
  const [turn] = await ledger.query<{ state: string; posts: string }>(
    {
      text: `select t.state, (select string_agg(d.state, '+' order by d.ordinal) from deliveries d where d.turn_id = t.id) as posts
        from turns t join conversations c on c.id = t.conversation_id where c.channel_id = $1`,
    },
    [channel],
  );
  if (ending === "archive") slack.people.archive(user, channel);
  else slack.people.kick(user, channel, space.bot.botUserId);
  if (ending === "kick_and_return") {
    await pause(random.between(20, 400));
    slack.people.invite(user, channel, space.bot.botUserId);
  }
  const kind = ending === "archive" ? "channel_archived" : "member_left";
  const [event] = await until(async () => {
    const rows = await ledger.query<{ at_ms: number }>(
      {
        text: `select (extract(epoch from pg_xact_commit_timestamp(e.xmin)) * 1000)::float8 as at_ms from events e join conversations c on c.id = e.conversation_id
          where c.channel_id = $1 and e.kind = $2`,
      },
      [channel, kind],
    );
    return rows.length > 0 ? rows : undefined;
  }, 60_000);
  const leftAtMs = event?.at_ms ?? 0;
  await pause(Math.max(0, leftAtMs + WATCH_MS - Date.now()));
  // A question that was delivered late, after the return, is answered by the membership of now.
  const [after] = await ledger.query<{ anew: boolean }>(
    {
      text: `select coalesce(bool_or(t.access_epoch = h.membership_epoch and h.self_member), false) as anew from turns t
        join conversations c on c.id = t.conversation_id join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
        where c.channel_id = $1`,
    },
    [channel],
  );
  if (after?.anew === true) return { ending, phase: "asked anew after the return", late: [] };
  const late = slack.requests.entries
    .filter((entry) => entry.channel === channel && !READS.test(entry.method) && entry.startedAt > leftAtMs + GRACE_MS)
    .map(
      (entry) =>
        `${entry.method} ${Math.round(entry.startedAt - leftAtMs)} ms after (${ending}, ${turn?.state ?? "no turn"})`,
    );
  return {
    ending,
    phase: turn === undefined ? "no turn yet" : `${turn.state}${turn.posts === null ? "" : `: ${turn.posts}`}`,
    late,
  };
}

async function run({ count = TRIALS, seed }: MeasureOptions): Promise<MeasureResult> {
  const postgres = await startPostgres({ fsync: true, settings: { track_commit_timestamp: "on" } });
  const parley = await startSlackApp(
    [{ handle: "worker", name: "Worker", connector: { kind: "function", run: worker }, replyInThread: true }],
    { databaseUrl: await postgres.createDatabase() },
  );
  try {
    const random = new SeededRandom(seed);
    const trials: Trial[] = [];
    for (let from = 0; from < count; from += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => from + index);
      trials.push(...(await Promise.all(numbers.map((number) => runTrial(parley, random, number)))));
      process.stderr.write(`\r${trials.length} of ${count} trials`);
    }
    process.stderr.write("\n");
    const failures = trials.flatMap((trial) => trial.late);
    const open = await parley.ledger.query<{ open: number }>({
      text: "select count(*)::int as open from turns where finished_at is null and created_at < now() - interval '30 seconds'",
    });
    const stuck = open[0]?.open ?? 0;
    const phases = Object.fromEntries(
      [...Map.groupBy(trials, (trial) => trial.phase)].map(([phase, group]) => [phase, group.length]),
    );
    return {
      passed: failures.length === 0 && stuck === 0,
      figures: { trials: trials.length, "sends later than 1 s": failures.length, "turns left open": stuck, ...phases },
      failures: failures.slice(0, 50),
    };
  } finally {
    await parley.close();
    await postgres.stop();
  }
}

/** F25 and F26: an agent's identity is put out, comes back, or its channel is archived, in every phase of a turn. */
export const revocation: Measurement = {
  name: "revocation",
  describes: "leaves, returns and archives in every phase of a turn; nothing may be sent later than 1 s after",
  run,
};
