import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { deriveKey } from "../../../src/config/secret-key.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { type AuditAnchor, openAuditHeadFile } from "../../../src/ledger/audit-head-file.ts";
import { appendAudit } from "../../../src/ledger/audit-log.ts";
import { sealAudit } from "../../../src/ledger/audit-seal.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { withAgents } from "../app/with-agents.ts";
import { embeddedDataFolder } from "../embedded/data-folder.ts";
import { createSlackStandIn } from "../slack/index.ts";

/** An audit log as a running Parley wrote it, with nothing running on it any more. */
export interface RealLog {
  readonly database: Database;
  readonly key: Buffer;
  /** Organizations with a log, the first one written by the pipeline. */
  readonly organizations: readonly string[];
  /** What `audit-head.json` says. */
  head(organizationId: string): AuditAnchor | undefined;
  close(): Promise<void>;
}

const OTHER = "other";
const CHANGES_PER_QUESTION = 2;
const DEADLINE_MS = 60_000;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** Runs a whole Parley in front of a Slack stand-in: people ask, an agent answers and is paused and resumed between; a seal follows each question. */
export async function writeRealLog(options: {
  readonly databaseUrl?: string;
  readonly questions: number;
}): Promise<RealLog> {
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  const space = slack.setup.smallWorkspace({ channels: 1, users: 2, transport: "http" });
  const dataFolder =
    options.databaseUrl === undefined ? await embeddedDataFolder() : await mkdtemp(join(tmpdir(), "parley-test-"));
  const config = await loadConfig({
    cwd: dataFolder,
    env: {
      PARLEY_DATA: dataFolder,
      PARLEY_PORT: "0",
      ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
      SLACK_BOT_TOKEN: space.bot.botToken,
      SLACK_SIGNING_SECRET: space.app.signingSecret,
      SLACK_MODE: "http",
      SLACK_API_URL: slack.apiUrl,
      SLACK_PACING: "off",
    },
  });
  const key = deriveKey(config.secretKey, "audit log");
  const agent = {
    handle: "echo",
    name: "Echo",
    connector: {
      kind: "function",
      run: defineAgent(async function* () {
        yield "heard";
      }),
    },
  } as const;
  let running: Database | undefined;
  const app = await createApp(withAgents(config, [agent]), silent, {
    database: (opened) => {
      running = opened;
      return opened;
    },
  });
  const { url } = await app.start();
  slack.setup.configureApp(space.app.appId, { requestUrl: `${url}/slack/events` });
  const ledger = running;
  if (ledger === undefined) throw new Error("the app opened no ledger");
  const [channel = "", user = ""] = [space.channels[0], space.users[0]];
  await ledger.query({ text: "insert into organizations (id, name) values ($1, $1) on conflict do nothing" }, [OTHER]);
  for (let question = 1; question <= options.questions; question += 1) {
    const { ts } = slack.people.postAs(user, channel, `<@${space.bot.botUserId}> echo question ${question}`, {});
    await until(() => slack.log.posts({ channel, thread: ts, by: "app" }).length > 0);
    for (let change = 0; change < CHANGES_PER_QUESTION; change += 1)
      await ledger.transaction((tx) =>
        appendAudit(tx, OTHER, [{ what: "grant_changed", by: "operator", rule: "test", question, change }]),
      );
    await sealAudit(ledger, key, config.organizationId);
    await sealAudit(ledger, key, OTHER);
  }
  await app.stop("the log is written");
  await slack.close();
  const database = await openDatabase({
    dataFolder,
    ...(options.databaseUrl === undefined ? {} : { databaseUrl: options.databaseUrl }),
  });
  const heads = openAuditHeadFile(dataFolder);
  return {
    database,
    key,
    organizations: [config.organizationId, OTHER],
    head: (organizationId) => heads.of(organizationId),
    async close() {
      await database.close();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

async function until(look: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!look()) {
    if (performance.now() > deadline) throw new Error("no answer came");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
