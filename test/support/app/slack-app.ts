import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type AppPorts, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { ConfigInput } from "../../../src/config/schema.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { type Database, type SqlRunner } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { createTestDatabase } from "../servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../slack/index.ts";
import { withAgents } from "./with-agents.ts";

export type TestAgent = NonNullable<ConfigInput["agents"]>[number];

export interface SlackApp {
  readonly slack: SlackStandIn;
  readonly space: SmallWorkspace;
  readonly app: App;
  readonly url: string;
  /** A second connection to the ledger, for looking. */
  readonly ledger: SqlRunner;
  readonly dataFolder: string;
  readonly channel: string;
  readonly user: string;
  /** What a person writes to name an agent of the one bot. */
  ask(agent: string, text: string): string;
  close(): Promise<void>;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** A whole Parley in this process on a real PostgreSQL, in front of a Slack stand-in, with the given agents. */
export async function startSlackApp(
  agents: readonly TestAgent[],
  options: {
    env?: Record<string, string>;
    standIn?: Parameters<typeof createSlackStandIn>[0];
    logger?: Logger;
    ports?: AppPorts;
    /** Default: a database of its own on the server that tests share. */
    databaseUrl?: string;
  } = {},
): Promise<SlackApp> {
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.001 }, ...options.standIn });
  const space = slack.setup.smallWorkspace({ channels: 3, users: 3, transport: "http" });
  const dataFolder = await mkdtemp(join(tmpdir(), "parley-test-"));
  const databaseUrl = options.databaseUrl ?? (await createTestDatabase());
  const config = await loadConfig({
    cwd: dataFolder,
    env: {
      PARLEY_DATA: dataFolder,
      PARLEY_PORT: "0",
      PARLEY_ALLOW_PRIVATE_AGENTS: "on",
      DATABASE_URL: databaseUrl,
      SLACK_BOT_TOKEN: space.bot.botToken,
      SLACK_SIGNING_SECRET: space.app.signingSecret,
      SLACK_MODE: "http",
      SLACK_API_URL: slack.apiUrl,
      SLACK_PACING: "off",
      ...options.env,
    },
  });
  const app = await createApp(withAgents(config, agents), options.logger ?? silent, options.ports);
  const { url } = await app.start();
  slack.setup.configureApp(space.app.appId, { requestUrl: `${url}/slack/events` });
  const ledger: Database = await openPostgres({ databaseUrl });
  const [channel = "", user = ""] = [space.channels[0], space.users[0]];
  return {
    slack,
    space,
    app,
    url,
    ledger,
    dataFolder,
    channel,
    user,
    ask: (agent, text) => `<@${space.bot.botUserId}> ${agent} ${text}`,
    async close() {
      await app.stop("test");
      await ledger.close();
      await slack.close();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

/** Resolves with the first truthy answer; rejects with the last one after `timeoutMs`. */
export async function until<T>(look: () => Promise<T> | T, timeoutMs = 15_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
