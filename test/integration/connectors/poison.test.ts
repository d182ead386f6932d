import { afterAll, beforeAll, expect, it } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { freePort } from "../../support/servers/free-port.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

/** Row F20 for an agent that is a module: a question that takes Parley's own process along each time, which a supervisor starts again. */
const MODULE = new URL("../../support/agents/faulty/poisoned-agent.ts", import.meta.url).href;
/** `MAX_DEATHS` of the ledger. */
const MOST_CRASHES = 5;
const ENDED_WITHIN_MS = 300_000;

let slack: SlackStandIn;
let space: SmallWorkspace;
let folder: RunFolder;
let ledger: Database;
let parley: ParleyProcess | undefined;
let start: () => Promise<ParleyProcess>;

beforeAll(async () => {
  const port = await freePort();
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({ channels: 1, users: 1, requestUrl: `http://127.0.0.1:${port}/slack/events` });
  const databaseUrl = await createTestDatabase();
  folder = await createRunFolder({
    agents: [{ handle: "brittle", name: "Brittle", connector: { kind: "function", module: MODULE } }],
  });
  start = () =>
    startParley({
      folder,
      databaseUrl,
      port,
      slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
    });
  parley = await start();
  ledger = await openPostgres({ databaseUrl });
}, 120_000);
afterAll(async () => {
  await parley?.stop();
  await ledger?.close();
  await slack?.close();
  await folder?.remove();
});

const ask = (words: string): string =>
  slack.people.postAs(space.users[0] ?? "", space.channels[0] ?? "", `<@${space.bot.botUserId}> brittle ${words}`).ts;
const answers = (thread: string): string[] =>
  slack.log.posts({ channel: space.channels[0] ?? "", thread, by: "app" }).map((entry) => entry.text ?? "");

const running = async (): Promise<number> =>
  (await ledger.query({ text: "select id from turns where state = 'running'" })).length;

it("F20: a question that its process dies of each time ends as a dead letter, and the others are answered", {
  timeout: ENDED_WITHIN_MS + 60_000,
  retry: 0,
}, async () => {
  const before = ask("good morning");
  await until(() => answers(before).length === 1);
  // One that takes longer than the process lives is at work beside the poison each time.
  const slow = ["slowly, please", "slowly too"].map(ask);
  await until(async () => (await running()) === slow.length);
  const poisoned = ask("take this poison");
  const others: string[] = [];
  let crashes = 0;
  const startedMs = performance.now();
  while (answers(poisoned).length === 0 && performance.now() - startedMs < ENDED_WITHIN_MS) {
    const hasEnded = await Promise.race([
      parley?.ended.then(() => true) ?? true,
      new Promise<false>((resolve) => setTimeout(resolve, 200, false)),
    ]);
    if (!hasEnded) continue;
    crashes += 1;
    // It may die before it is ready: the question is taken up at once.
    parley = await start().catch(() => undefined);
    if (parley !== undefined) others.push(ask(`and the others, after crash ${crashes}?`));
  }
  others.push(ask("and the others, after all?"));
  expect(answers(poisoned)).toEqual(["Brittle could not answer: the worker that ran it stopped each time."]);
  expect(crashes).toBeGreaterThan(1);
  expect(crashes).toBeLessThanOrEqual(MOST_CRASHES);
  for (const innocent of slow) {
    await until(() => answers(innocent).length === 1, 60_000);
    expect(answers(innocent)).toEqual(["as ever"]);
  }
  for (const other of others) {
    await until(() => answers(other).length === 1, 60_000);
    expect(answers(other)).toEqual(["as ever"]);
  }
  const letters = await ledger.query<{ reason: string }>({ text: "select reason from dead_letters" });
  expect(letters).toEqual([{ reason: "its workers ended again and again" }]);
  expect(answers(poisoned)).toHaveLength(1);
});
