import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type AppPorts, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { createDiscordStandIn, type DiscordStandIn, type SmallServer, type StandInOptions } from "../discord/index.ts";
import { createTestDatabase } from "../servers/shared-servers.ts";
import type { TestAgent } from "./slack-app.ts";
import { withAgents } from "./with-agents.ts";

export interface DiscordApp {
  readonly discord: DiscordStandIn;
  readonly server: SmallServer;
  /** The process that runs now. */
  readonly app: App;
  readonly url: string;
  /** A second connection to the ledger, for looking. */
  readonly ledger: Database;
  readonly channel: string;
  readonly user: string;
  /** What a person writes to name an agent of the one bot. */
  ask(agent: string, text: string): string;
  /** Ends the process and starts another one on the same ledger; what `meanwhile` does, no process sees. */
  restart(meanwhile?: () => Promise<void> | void): Promise<void>;
  close(): Promise<void>;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** A whole Parley in this process on a real PostgreSQL, in front of a Discord stand-in, with the given agents. */
export async function startDiscordApp(
  agents: readonly TestAgent[],
  options: { env?: Readonly<Record<string, string>>; standIn?: StandInOptions; logger?: Logger; ports?: AppPorts } = {},
): Promise<DiscordApp> {
  const discord = await createDiscordStandIn({ gateway: { identifyWindowMs: 0 }, ...options.standIn });
  const server = discord.setup.smallServer({ channels: 3, users: 3, name: "Parley" });
  const dataFolder = await mkdtemp(join(tmpdir(), "parley-test-"));
  const databaseUrl = await createTestDatabase();
  const config = await loadConfig({
    cwd: dataFolder,
    env: {
      PARLEY_DATA: dataFolder,
      PARLEY_PORT: "0",
      PARLEY_ALLOW_PRIVATE_AGENTS: "on",
      DATABASE_URL: databaseUrl,
      DISCORD_BOT_TOKEN: server.app.botToken,
      DISCORD_API_URL: `${discord.apiUrl}/v10`,
      DISCORD_CDN_HOSTS: new URL(discord.cdnUrl).host,
      DISCORD_SHARDS: "1",
      DISCORD_PACING: "off",
      ...options.env,
    },
  });
  const run = async (): Promise<{ app: App; url: string }> => {
    const app = await createApp(withAgents(config, agents), options.logger ?? silent, options.ports);
    const { url } = await app.start();
    return { app, url };
  };
  let running = await run();
  const ledger: Database = await openPostgres({ databaseUrl });
  const [channel = "", user = ""] = [server.channels[0], server.users[0]];
  return {
    discord,
    server,
    get app() {
      return running.app;
    },
    get url() {
      return running.url;
    },
    ledger,
    channel,
    user,
    ask: (agent, text) => `<@${server.app.botUserId}> ${agent} ${text}`,
    restart: async (meanwhile) => {
      await running.app.stop("test");
      await meanwhile?.();
      running = await run();
    },
    close: async () => {
      await running.app.stop("test");
      await ledger.close();
      await discord.close();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
