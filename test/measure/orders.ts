import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { defineAgent } from "../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp } from "../support/app/slack-app.ts";
import { startPostgres } from "../support/servers/index.ts";
import { SeededRandom } from "../support/slack/model/seeded-random.ts";
import type { Measurement, MeasureOptions, MeasureResult } from "./measurement.ts";

const TRIALS = 10_000;
/** Questions whose events are captured, permuted and handed in together. */
const BATCH = 200;
const AT_ONCE = 32;
/** Share of events that come twice. */
const TWICE = 0.3;
/** Share of questions that are deleted at last. */
const DELETED = 0.25;
const PATIENCE_MS = 60_000;
const SECOND_MS = 1_100;
const LOOK_EVERY_MS = 20;
/** After this much silence nothing more comes. */
const QUIET_MS = 1_000;

/** One question, which was edited twice and perhaps deleted, with a reply in its thread; its events as Slack sent them. */
interface Trial {
  readonly n: number;
  readonly ts: string;
  readonly isDeleted: boolean;
  readonly bodies: string[];
}

interface MessageEvent {
  readonly ts?: string;
  readonly thread_ts?: string;
  readonly deleted_ts?: string;
  readonly message?: { readonly ts?: string };
}

/** Takes what the workspace sends, in place of Parley. */
async function capture(): Promise<{ server: Server; url: string; take: () => string[] }> {
  let bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      bodies.push(Buffer.concat(chunks).toString("utf8"));
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // of a TCP server it is never a path
  const take = (): string[] => {
    const taken = bodies;
    bodies = [];
    return taken;
  };
  return { server, url: `http://127.0.0.1:${port}`, take };
}

/** Signed as Slack signs (https://docs.slack.dev/authentication/verifying-requests-from-slack), again until it is taken. */
async function handIn(parley: SlackApp, body: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const timestamp = Math.floor(Date.now() / 1_000).toString();
    const digest = createHmac("sha256", parley.space.app.signingSecret).update(`v0:${timestamp}:${body}`).digest("hex");
    const headers = {
      "content-type": "application/json",
      "x-slack-request-timestamp": timestamp,
      "x-slack-signature": `v0=${digest}`,
    };
    const answer = await fetch(`${parley.url}/slack/events`, { method: "POST", headers, body });
    await answer.arrayBuffer();
    if (answer.ok) return;
    await pause(200);
  }
  throw new Error("an event was not taken");
}

function shuffled<Item>(items: readonly Item[], random: SeededRandom): Item[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Which question an event is about. */
function questionOf(body: string): string {
  const { event } = JSON.parse(body) as { event: MessageEvent }; // the stand-in's own form
  return event.message?.ts ?? event.deleted_ts ?? event.thread_ts ?? event.ts ?? "";
}

async function captured(
  parley: SlackApp,
  from: number,
  count: number,
  { take, random }: { take: () => string[]; random: SeededRandom },
): Promise<Trial[]> {
  const { people } = parley.slack;
  const { channel, user } = parley;
  const trials = Array.from({ length: count }, (_, index): Trial => {
    const n = from + index;
    const { ts } = people.postAs(user, channel, parley.ask("echo", `first-${n}`));
    people.postAs(user, channel, `beside ${n}`, { threadTs: ts });
    return { n, ts, isDeleted: random.next() < DELETED, bodies: [] };
  });
  for (const words of ["second", "third"]) {
    // Slack tells edits apart by the second.
    await pause(SECOND_MS);
    for (const { n, ts } of trials) people.editAs(user, channel, ts, parley.ask("echo", `${words}-${n}`));
  }
  for (const { ts, isDeleted } of trials) if (isDeleted) people.deleteAs(user, channel, ts);
  const expected = trials.reduce((sum, { isDeleted }) => sum + (isDeleted ? 6 : 5), 0);
  const byTs = new Map(trials.map((trial) => [trial.ts, trial]));
  const deadlineMs = performance.now() + PATIENCE_MS;
  // Beside each question comes its mention, as an event of its own.
  for (let got = 0, quietMs = 0; got < expected || quietMs < QUIET_MS; quietMs += LOOK_EVERY_MS) {
    if (performance.now() > deadlineMs) throw new Error(`only ${got} of ${expected} events came`);
    await pause(LOOK_EVERY_MS);
    const bodies = take();
    if (bodies.length > 0) quietMs = 0;
    for (const body of bodies) byTs.get(questionOf(body))?.bodies.push(body);
    got += bodies.length;
  }
  return trials;
}

/** Each question's events in an order of their own, some of them twice, the questions' events mixed. */
async function handInPermuted(parley: SlackApp, trials: readonly Trial[], random: SeededRandom): Promise<void> {
  const waiting = shuffled(
    trials.map(({ bodies }) => shuffled([...bodies, ...bodies.filter(() => random.next() < TWICE)], random)),
    random,
  );
  const worker = async (): Promise<void> => {
    for (let events = waiting.pop(); events !== undefined; events = waiting.pop())
      for (const body of events) await handIn(parley, body);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function settled(parley: SlackApp): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const [row] = await parley.ledger.query<{ open: number }>({
      text: "select ((select count(*) from events where state in ('pending', 'routed', 'steering')) + (select count(*) from turns where finished_at is null))::int as open",
    });
    if (row?.open === 0) return;
    if (performance.now() > deadlineMs) throw new Error(`${row?.open ?? "?"} events and turns are still open`);
    await pause(100);
  }
}

/** What differs from the same events in their order: the newest version stands, or nothing does, and who was asked has answered once. */
async function faultsOf(parley: SlackApp, trials: readonly Trial[]): Promise<string[]> {
  const rows = await parley.ledger.query<{ id: string; text: string; deleted: boolean }>(
    {
      text: "select message_id as id, text, deleted_at is not null as deleted from messages where message_id = any($1::text[])",
    },
    [trials.map(({ ts }) => ts)],
  );
  const known = new Map(rows.map((row) => [row.id, row]));
  const ends = await parley.ledger.query<{ id: string; ended: string }>(
    {
      text: `select e.envelope->'body'->>'messageId' as id, string_agg(concat_ws(' ', e.kind, e.state, e.state_reason, t.state, t.state_reason), ', ' order by e.received_at) as ended
        from events e left join turns t on t.event_id = e.id where e.envelope->'body'->>'messageId' = any($1::text[]) group by 1`,
    },
    [trials.map(({ ts }) => ts)],
  );
  const endedBy = new Map(ends.map(({ id, ended }) => [id, ended]));
  const answers = new Map<string, string[]>();
  // In a thread that an agent takes part in every word is a question; only answers to the first are counted.
  const posts = parley.slack.log.posts({ channel: parley.channel, by: "app" });
  for (const { threadTs, text } of posts.filter(({ text }) => text?.includes("nothing") === false))
    answers.set(threadTs ?? "", [...(answers.get(threadTs ?? "") ?? []), text ?? ""]);
  return trials.flatMap(({ n, ts, isDeleted }) => {
    const row = known.get(ts);
    const said = answers.get(ts) ?? [];
    return [
      ...(isDeleted && row?.deleted === false ? [`${n}: it was deleted and stands`] : []),
      ...(!isDeleted && row?.deleted !== false ? [`${n}: it does not stand`] : []),
      ...(!isDeleted && row?.text.includes(`third-${n}`) !== true
        ? [`${n}: the newest words are not kept: ${row?.text ?? ""}`]
        : []),
      ...(!isDeleted && said.length === 0 ? [`${n}: nobody answered: ${endedBy.get(ts) ?? ""}`] : []),
      ...(said.length > 1 ? [`${n}: answered ${said.length} times: ${said.join(" / ")}`] : []),
    ];
  });
}

async function run({ count = TRIALS, seed }: MeasureOptions): Promise<MeasureResult> {
  const random = new SeededRandom(seed);
  const postgres = await startPostgres({ fsync: true });
  const echo = defineAgent(async ({ trigger }) => `echo of ${/\w+-\d+/.exec(trigger.text)?.[0] ?? "nothing"}`);
  const parley = await startSlackApp([{ handle: "echo", name: "Echo", connector: { kind: "function", run: echo } }], {
    databaseUrl: await postgres.createDatabase(),
  });
  const { server, url, take } = await capture();
  const failures: string[] = [];
  let events = 0;
  try {
    parley.slack.setup.configureApp(parley.space.app.appId, { requestUrl: url });
    for (let from = 0; from < count; from += BATCH) {
      const trials = await captured(parley, from, Math.min(BATCH, count - from), { take, random });
      events += trials.reduce((sum, { bodies }) => sum + bodies.length, 0);
      await handInPermuted(parley, trials, random);
      await settled(parley);
      take();
      failures.push(...(await faultsOf(parley, trials)));
      process.stderr.write(`\r${from + trials.length} of ${count}`);
    }
    process.stderr.write("\n");
  } finally {
    server.close();
    server.closeAllConnections();
    await parley.close();
    await postgres.stop();
  }
  return { passed: failures.length === 0, figures: { permutations: count, events, wrong: failures.length }, failures };
}

/** F13: what is left of questions whose events come in any order and some of them twice. */
export const orders: Measurement = {
  name: "orders",
  describes: "questions, edits, deletions and replies in any order, some twice; --count permutations (default 10000)",
  run,
};
