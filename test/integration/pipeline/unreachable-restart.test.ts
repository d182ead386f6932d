import { afterAll, beforeAll, expect, it } from "vitest";
import { generateWebhookSecret } from "../../../agents/webhook/index.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { WebhookAgent } from "../../support/agents/webhook-agent.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { freePort } from "../../support/servers/free-port.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

/** A turn that waits for its agent outlives the process, and the time after which a queued turn is otherwise given up. */
let slack: SlackStandIn;
let space: SmallWorkspace;
let folder: RunFolder;
let ledger: Database;
let agent: WebhookAgent;
let parley: ParleyProcess;
let start: () => Promise<ParleyProcess>;

beforeAll(async () => {
  const port = await freePort();
  agent = await WebhookAgent.start(() => ({ kind: "respond", status: 503 }));
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({ channels: 1, users: 1, requestUrl: `http://127.0.0.1:${port}/slack/events` });
  const databaseUrl = await createTestDatabase();
  folder = await createRunFolder({
    agents: [
      {
        handle: "away",
        name: "Away",
        connector: {
          kind: "webhook",
          url: agent.url,
          secret: generateWebhookSecret(),
          retry: { pausesMs: [200, 3_600_000, 3_600_000], tellFromMs: 1_000 },
        },
      },
    ],
  });
  start = () =>
    startParley({
      folder,
      databaseUrl,
      port,
      slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
      env: { PARLEY_ALLOW_PRIVATE_AGENTS: "on" },
    });
  parley = await start();
  ledger = await openPostgres({ databaseUrl });
});
afterAll(async () => {
  await parley.stop();
  await ledger.close();
  await slack.close();
  await agent.stop();
  await folder.remove();
});

const answers = (thread: string): string[] =>
  slack.log.posts({ channel: space.channels[0] ?? "", thread, by: "app" }).map((entry) => entry.text ?? "");
const states = async (): Promise<string[]> =>
  (await ledger.query<{ state: string }>({ text: "select state from turns order by order_no" })).map(
    (row) => row.state,
  );

it("answers after a kill and two hours, the turns behind it included, and tells people once", {
  timeout: 120_000,
}, async () => {
  const [channel = "", user = ""] = [space.channels[0], space.users[0]];
  const { ts } = slack.people.postAs(user, channel, `<@${space.bot.botUserId}> away one`);
  await until(() => answers(ts).length === 1);
  expect(agent.calls).toHaveLength(2);
  slack.people.postAs(user, channel, "two", { threadTs: ts });
  await until(async () => (await states()).length === 2);
  await parley.kill9();
  await ledger.query({
    text: `update turns set created_at = created_at - interval '2 hours', not_before = not_before - interval '30 minutes', deadline_at = deadline_at - interval '30 minutes'`,
  });
  parley = await start();
  // Some looks of the sweep, each of which would end what it takes for forgotten.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(await states()).toEqual(["queued", "queued"]);
  agent.behave = (call) => ({
    kind: "respond",
    body: JSON.stringify({ text: `Heard ${call.body?.data.trigger.text ?? ""}` }),
  });
  await ledger.query({
    text: "with due as (update turns set not_before = now() - interval '1 minute' returning reply_conversation_id) update conversations c set due_at = now() from due where c.id = due.reply_conversation_id",
  });
  await until(() => answers(ts).length === 3);
  expect(answers(ts)[0]).toContain("cannot be reached right now");
  expect(answers(ts)[1]).toContain("Heard");
  expect(answers(ts)[1]).toContain("one");
  expect(answers(ts)[2]).toContain("two");
  expect(new Set(agent.calls.slice(0, 3).map((call) => call.headers["webhook-id"])).size).toBe(1);
  await until(async () => (await states()).every((state) => state === "answered"));
});

it("ends queued turns that nobody keeps one after the other, however many are too old", {
  timeout: 60_000,
}, async () => {
  const [channel = "", user = ""] = [space.channels[0], space.users[0]];
  agent.behave = () => ({ kind: "respond", status: 503 });
  const { ts } = slack.people.postAs(user, channel, `<@${space.bot.botUserId}> away three`);
  await until(() => answers(ts).length === 1);
  slack.people.postAs(user, channel, "four", { threadTs: ts });
  await until(async () => (await states()).length === 4);
  await ledger.query({
    text: "update turns set retries = 0, created_at = created_at - interval '2 hours', not_before = now() + interval '1 hour' where state = 'queued'",
  });
  await until(() => answers(ts).length === 3);
  expect(answers(ts).slice(1)).toEqual([
    expect.stringContaining("did not answer in time"),
    expect.stringContaining("did not answer in time"),
  ]);
  await until(async () => (await states()).slice(2).every((state) => state === "dead_lettered"));
});
