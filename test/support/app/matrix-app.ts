import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type AppPorts, createApp, matrixRegistration, newRegistrationToken } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import {
  type FaultProxy,
  MatrixPerson,
  PushRouter,
  type Synapse,
  type SynapseOptions,
  startFaultProxy,
  startSynapse,
} from "../matrix/index.ts";
import { createTestDatabase } from "../servers/shared-servers.ts";
import type { TestAgent } from "./slack-app.ts";
import { withAgents } from "./with-agents.ts";

const SERVICE = "parley";
/** Longest time until agents' accounts have followed an invitation, in ms. */
const JOIN_TIMEOUT_MS = 15_000;
/** Part of the names of the application service's accounts, as the defaults of the settings have it. */
const PUPPET_PREFIX = "parley_";

export interface MatrixApp {
  readonly synapse: Synapse;
  /** Between Parley and the homeserver; people go past it. */
  readonly proxy: FaultProxy;
  /** The process that runs now. */
  readonly app: App;
  readonly url: string;
  /** What the homeserver pushed to the application service, and what that said. */
  readonly pushes: PushRouter["pushes"];
  /** A second connection to the ledger, for looking. */
  readonly ledger: Database;
  readonly dataFolder: string;
  /** User ids under which agents speak: one for all of a bot, one each of an application service. */
  accountOf(handle: string): string;
  person(name: string): Promise<MatrixPerson>;
  /** A new room with the person and the agents' accounts in it, once these have joined by themselves. */
  room(owner: MatrixPerson, agents: readonly string[]): Promise<string>;
  /** Ends the process and starts another one on the same ledger; what `meanwhile` does, no process sees. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface MatrixAppOptions {
  readonly mode: "bot" | "service";
  readonly env?: Readonly<Record<string, string>>;
  readonly synapse?: SynapseOptions;
  readonly logger?: Logger;
  readonly ports?: AppPorts;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** A whole Parley in this process on a real PostgreSQL and a real Synapse, with the given agents. */
export async function startMatrixApp(agents: readonly TestAgent[], options: MatrixAppOptions): Promise<MatrixApp> {
  const router = await PushRouter.start();
  const tokens = { appServiceToken: newRegistrationToken(), homeserverToken: newRegistrationToken() };
  const registration = matrixRegistration({
    url: router.addressOf(SERVICE),
    ...tokens,
    senderLocalpart: SERVICE,
    puppetPrefix: PUPPET_PREFIX,
  });
  const isService = options.mode === "service";
  const synapse = await startSynapse({
    ...(isService ? { applicationServices: [registration] } : {}),
    ...options.synapse,
  });
  const proxy = await startFaultProxy(() => synapse.url);
  const bot = isService ? undefined : await synapse.register({ localpart: "parley-bot", displayName: "Parley" });
  const dataFolder = await mkdtemp(join(tmpdir(), "parley-test-"));
  const databaseUrl = await createTestDatabase();
  const config = await loadConfig({
    cwd: dataFolder,
    env: {
      PARLEY_DATA: dataFolder,
      PARLEY_PORT: "0",
      PARLEY_ALLOW_PRIVATE_AGENTS: "on",
      DATABASE_URL: databaseUrl,
      MATRIX_HOMESERVER_URL: proxy.url,
      MATRIX_PACING: "off",
      ...(bot === undefined
        ? { MATRIX_AS_TOKEN: tokens.appServiceToken, MATRIX_HS_TOKEN: tokens.homeserverToken }
        : { MATRIX_ACCESS_TOKEN: bot.accessToken }),
      ...options.env,
    },
  });
  const run = async (): Promise<{ app: App; url: string }> => {
    const app = await createApp(withAgents(config, agents), options.logger ?? silent, options.ports);
    const { url } = await app.start();
    if (isService) router.route(SERVICE, { url, hsToken: tokens.homeserverToken });
    return { app, url };
  };
  let running = await run();
  const ledger: Database = await openPostgres({ databaseUrl });
  const accountOf = (handle: string): string =>
    bot === undefined ? `@${PUPPET_PREFIX}${handle}:${synapse.serverName}` : bot.userId;
  return {
    synapse,
    proxy,
    get app() {
      return running.app;
    },
    get url() {
      return running.url;
    },
    pushes: router.pushes,
    ledger,
    dataFolder,
    accountOf,
    person: async (name) => {
      const localpart = `${name.toLowerCase()}-${randomBytes(3).toString("hex")}`;
      return new MatrixPerson(synapse.url, await synapse.register({ localpart, displayName: name }));
    },
    room: async (owner, handles) => {
      const accounts = [...new Set(handles.map(accountOf))];
      const roomId = await owner.createRoom({ name: "lab", invite: accounts });
      const deadlineMs = performance.now() + JOIN_TIMEOUT_MS;
      for (const account of accounts) {
        while ((await owner.state<{ membership: string }>(roomId, "m.room.member", account)).membership !== "join") {
          if (performance.now() > deadlineMs) throw new Error(`${account} did not join`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      return roomId;
    },
    restart: async (meanwhile) => {
      await running.app.stop("test");
      await meanwhile?.();
      running = await run();
    },
    close: async () => {
      await running.app.stop("test");
      await ledger.close();
      await proxy.close();
      await synapse.stop();
      await router.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
