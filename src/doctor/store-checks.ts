import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Config } from "../config/config.ts";
import type { LogFields, Logger } from "../contracts/logger.ts";
import { ParleyError } from "../errors/parley-error.ts";
import type { Database } from "../ledger/connection/database.ts";
import { openDatabase } from "../ledger/connection/open-database.ts";
import { RedisBackend } from "../queue/redis-backend.ts";
import { type Finding, failed, ok, POWER_CUT, reasonOf, skipped, warning } from "./finding.ts";

const WAIT_MS = 3_000;
const MIGRATIONS = path.resolve(import.meta.dirname, "../ledger/migrations");
const Journal = z.object({ entries: z.array(z.object({ tag: z.string() })) });

/** Ledger, migrations and queue of a Parley that does not run: opened, looked at and closed, with nothing changed. */
export async function checkStores(config: Config): Promise<Finding[]> {
  return [...(await checkLedger(config)), ...(await checkQueue(config))];
}

async function checkLedger(config: Config): Promise<Finding[]> {
  const embedded = config.databaseUrl === undefined;
  if (embedded && !existsSync(path.join(config.dataFolder, "ledger"))) {
    return [
      skipped("ledger", "none yet (embedded)", "the first start makes it in the data folder; nothing to do"),
      POWER_CUT,
    ];
  }
  let database: Database;
  try {
    const address = config.databaseUrl?.reveal();
    database = await openDatabase({
      dataFolder: config.dataFolder,
      waitMs: WAIT_MS,
      ...(address === undefined ? {} : { databaseUrl: address }),
    });
  } catch (error) {
    return [failed("ledger", reasonOf(error), ledgerFix(error))];
  }
  try {
    const { latencyMs } = await database.ping();
    const findings = [
      ok("ledger", `${database.backend} answers in ${latencyMs.toFixed(1)} ms`),
      await checkMigrations(database),
    ];
    return embedded ? [...findings, POWER_CUT] : findings;
  } catch (error) {
    return [failed("ledger", reasonOf(error), ledgerFix(error))];
  } finally {
    await database.close();
  }
}

function ledgerFix(error: unknown): string {
  const code = error instanceof ParleyError ? error.code : undefined;
  if (code === "LEDGER_LOCKED") return "stop the other process, or give this one its own data folder";
  if (code === "LEDGER_CONFIG_REFUSED") return "change what the message names";
  return "start PostgreSQL, or correct DATABASE_URL";
}

async function checkMigrations(database: Database): Promise<Finding> {
  const part = "migrations";
  const { entries } = Journal.parse(JSON.parse(await readFile(path.join(MIGRATIONS, "meta", "_journal.json"), "utf8")));
  const [table] = await database.query<{ there: boolean }>({
    text: "SELECT to_regclass('parley_migrations') IS NOT NULL AS there",
  });
  const applied =
    table?.there === true
      ? await database.query<{ tag: string }>({ text: "SELECT tag FROM parley_migrations ORDER BY position" })
      : [];
  const pending = entries.length - applied.length;
  if (pending < 0)
    return failed(
      part,
      "the ledger was written by a newer Parley",
      "run that version, or restore a backup from before it",
    );
  return pending === 0
    ? ok(part, `all ${entries.length} applied`)
    : skipped(part, `${pending} of ${entries.length} not applied yet`, "the next start applies them; nothing to do");
}

async function checkQueue(config: Config): Promise<Finding[]> {
  const part = "queue";
  if (config.redisUrl === undefined) return [ok(part, "in the ledger's database")];
  const heard: string[] = [];
  const backend = new RedisBackend(config.redisUrl.reveal(), "parley", listener(heard));
  try {
    await backend.prepare();
    const warnings = heard.map((text) =>
      warning(part, text.replace(/^queue: /, ""), "set appendonly yes, or accept a delay of seconds"),
    );
    return [ok(part, "Redis answers, with a fitting version and eviction policy"), ...warnings];
  } catch (error) {
    return [failed(part, reasonOf(error), "start Redis, correct REDIS_URL, or change what the message names")];
  } finally {
    backend.close();
  }
}

/** The queue says what is worth a warning by its log. */
function listener(heard: string[]): Logger {
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_fields: LogFields, message: string) => void heard.push(message),
    error: () => undefined,
    child: () => logger,
  };
  return logger;
}
