import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { until } from "../../support/app/slack-app.ts";
import { withAgents } from "../../support/app/with-agents.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

/** A whole Parley that is away for longer than Slack retries, on a real ledger. */
let slack: SlackStandIn;
let space: SmallWorkspace;
let ledger: Database;
let boot: () => Promise<App>;
let running: App[] = [];
let dataFolder: string;
let channel: string;
let user: string;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
const echo = {
  handle: "echo",
  name: "Echo",
  connector: {
    kind: "function" as const,
    run: defineAgent(async function* (request) {
      yield `heard ${request.trigger.text}`;
    }),
  },
};

beforeEach(async () => {
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({ channels: 2, users: 1, transport: "http" });
  [channel = "", user = ""] = [space.channels[0], space.users[0]];
  dataFolder = await mkdtemp(join(tmpdir(), "parley-test-"));
  const databaseUrl = await createTestDatabase();
  const config = await loadConfig({
    cwd: dataFolder,
    env: {
      PARLEY_DATA: dataFolder,
      PARLEY_PORT: "0",
      DATABASE_URL: databaseUrl,
      SLACK_BOT_TOKEN: space.bot.botToken,
      SLACK_SIGNING_SECRET: space.app.signingSecret,
      SLACK_MODE: "http",
      SLACK_API_URL: slack.apiUrl,
      SLACK_PACING: "off",
    },
  });
  ledger = await openPostgres({ databaseUrl });
  boot = async () => {
    const app = await createApp(withAgents(config, [echo]), silent);
    running.push(app);
    const { url } = await app.start();
    slack.setup.configureApp(space.app.appId, { requestUrl: `${url}/slack/events` });
    return app;
  };
});
afterEach(async () => {
  await Promise.all(running.map((app) => app.stop("test")));
  running = [];
  await ledger.close();
  await slack.close();
  await rm(dataFolder, { recursive: true, force: true });
});

const ask = (text: string, options: { ageMs?: number; threadTs?: string } = {}): string =>
  slack.people.postAs(user, channel, `<@${space.bot.botUserId}> echo ${text}`, options).ts;
const answersTo = (ts: string, words: string): number =>
  slack.log.posts({ channel, thread: ts, by: "app" }).filter((post) => post.text?.includes(words)).length;
const stateOf = async (ts: string): Promise<string | undefined> => {
  const [row] = await ledger.query<{ state: string }>(
    {
      text: "select state from events where kind = 'message_created' and envelope->'body'->>'messageId' = $1 and finished_at is not null",
    },
    [ts],
  );
  return row?.state;
};

it("answers once what was said while it was away, what is told twice, and nothing that is too old", async () => {
  const first = await boot();
  const before = ask("before", { ageMs: 3 * 3_600_000 });
  expect(await until(() => stateOf(before))).toBe("expired");
  await first.stop("test");
  const old = ask("too old", { ageMs: 2 * 3_600_000 });
  const inOldThread = ask("in an old thread", { threadTs: old });
  const away = ask("while away");
  await slack.deliveries.whenIdle();

  await boot();
  // Live events go on while the history is read, and are in the history too.
  const live = ask("live");
  for (const ts of [away, live]) expect(await until(() => stateOf(ts))).toBe("answered");
  expect(await until(() => stateOf(old))).toBe("expired");
  expect(await until(() => stateOf(inOldThread))).toBe("answered");
  await until(() => answersTo(away, "while away") === 1 && answersTo(live, "live") === 1);
  expect(answersTo(old, "too old")).toBe(0);
  expect(answersTo(old, "in an old thread")).toBe(1);

  // Everything is read and known by now: a further absence brings nothing anew.
  await running.at(-1)?.stop("test");
  const later = ask("later");
  await slack.deliveries.whenIdle();
  await boot();
  await until(() => answersTo(later, "later") === 1);
  const turns = await ledger.query<{ event: string; count: string }>({
    text: "select envelope->'body'->>'messageId' as event, count(*) from turns join events on events.id = turns.event_id group by 1",
  });
  expect(new Map(turns.map((row) => [row.event, Number(row.count)]))).toEqual(
    new Map([inOldThread, away, live, later].map((ts) => [ts, 1])),
  );
}, 90_000);
