import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { ConfigInput } from "../../../src/config/schema.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Database, SqlRunner } from "../../../src/ledger/connection/database.ts";
import { freePort } from "../servers/index.ts";
import { createTestDatabase } from "../servers/shared-servers.ts";
import { AGENT, type ChatDriver } from "./chat-driver.ts";

const SCRIBE = new URL("./scribe.ts", import.meta.url);

/** The one configuration: no word of it is about a platform. */
const configuration = (module: URL): ConfigInput => ({
  agents: [
    {
      ...AGENT,
      description: "Answers, asks and hands over files.",
      connector: { kind: "function", module: module.href },
      // What people of a platform are used to is that platform's default; a conversation that is to be the same says it once.
      replyInThread: true,
      // Platforms tell differently of Parley's own reactions; what they show of work has a test of its own.
      workReactions: "never",
    },
  ],
  limits: { drainTimeoutMs: 1_000 },
});

export interface ConversationStage {
  readonly drivers: readonly ChatDriver[];
  /** The ledger of the Parley that runs now. */
  readonly ledger: SqlRunner;
  /** What it logged as a warning or an error. */
  readonly complaints: readonly string[];
  /** Ends Parley as a signal does, calls `meanwhile`, and starts it again on the same ledger. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** A whole Parley, from a `parley.config.ts` and the environment, in front of all these platforms at once. Platforms are told beforehand where it will be. */
export async function startConversationStage(
  platforms: readonly ((parleyUrl: string) => Promise<ChatDriver>)[],
  options: {
    readonly ledger: "postgres" | "pglite";
    /** What the agent does. Default: the scribe. */
    readonly agent?: URL;
  },
): Promise<ConversationStage> {
  const folder = await mkdtemp(join(tmpdir(), "parley-conversation-"));
  await writeFile(
    join(folder, "parley.config.ts"),
    `export default ${JSON.stringify(configuration(options.agent ?? SCRIBE), undefined, 2)};\n`,
  );
  const port = await freePort();
  const drivers = await Promise.all(platforms.map((create) => create(`http://127.0.0.1:${port}`)));
  const env: Record<string, string> = {
    PARLEY_DATA: join(folder, "data"),
    PARLEY_PORT: String(port),
    ...(options.ledger === "postgres" && { DATABASE_URL: await createTestDatabase() }),
  };
  for (const driver of drivers) Object.assign(env, driver.env);
  const complaints: string[] = [];
  let app: App | undefined;
  let ledger: Database | undefined;

  async function start(): Promise<void> {
    const config = await loadConfig({ cwd: folder, env });
    app = await createApp(config, complaining(complaints), {
      database: (opened) => {
        ledger = opened;
        return opened;
      },
    });
    const { url, signInLink = "" } = await app.start();
    await Promise.all(drivers.map((driver) => driver.connect(url, signInLink)));
  }

  await start();
  return {
    drivers,
    get ledger() {
      if (ledger === undefined) throw new Error("Parley does not run");
      return ledger;
    },
    complaints,
    async restart(meanwhile) {
      await app?.stop("test");
      await meanwhile();
      await start();
    },
    async close() {
      await app?.stop("test");
      await Promise.all(drivers.map((driver) => driver.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function complaining(complaints: string[]): Logger {
  const keep =
    (level: string): Logger["warn"] =>
    (fields, message) => {
      const stack = fields["err"] instanceof Error ? ` ${fields["err"].stack}` : "";
      complaints.push(`${level}: ${message} ${JSON.stringify(fields)}${stack}`);
    };
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: keep("warn"),
    error: keep("error"),
    child: () => logger,
  };
  return logger;
}
