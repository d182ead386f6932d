import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database, SqlRunner } from "./database.ts";

/** "PARL" in ASCII: the same number in every version, so that two versions starting at once wait for each other. */
const LOCK_KEY = 0x50_41_52_4c;

const BREAKPOINT = "--> statement-breakpoint";

const journalSchema = z.object({ entries: z.array(z.object({ idx: z.number(), tag: z.string() })) });

interface Migration {
  readonly position: number;
  readonly tag: string;
  readonly hash: string;
  readonly statements: readonly string[];
}

interface AppliedMigration {
  readonly position: number;
  readonly tag: string;
  readonly hash: string;
}

/**
 * Brings the schema to that of the drizzle-kit folder (`meta/_journal.json` and one SQL file per entry) and resolves with the
 * tags that it applied, none when there was nothing to do.
 *
 * All pending migrations are one transaction under a lock, so that any number of processes may start at once and a failed one
 * leaves nothing behind.
 *
 * @throws ParleyError LEDGER_CONFIG_REFUSED when the ledger is newer than the folder, or an applied migration was changed.
 */
export async function migrate(database: Database, folder: string): Promise<string[]> {
  const known = await readMigrations(folder);
  return await database.transaction(async (tx) => {
    // A migration of a large ledger may take long, and so may waiting for another process that applies one.
    await tx.query({ text: "SET LOCAL statement_timeout = 0" });
    await tx.query({ text: "SELECT pg_advisory_xact_lock($1)" }, [LOCK_KEY]);
    await tx.query({
      text: `CREATE TABLE IF NOT EXISTS parley_migrations (
        position integer PRIMARY KEY,
        tag text NOT NULL,
        hash text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      )`,
    });
    const applied = await tx.query<AppliedMigration>({
      text: "SELECT position, tag, hash FROM parley_migrations ORDER BY position",
    });
    refuseStrangers(known, applied);
    const pending = known.slice(applied.length);
    for (const migration of pending) await apply(tx, migration);
    return pending.map(({ tag }) => tag);
  });
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const journal = journalSchema.parse(JSON.parse(await readFile(join(folder, "meta", "_journal.json"), "utf8")));
  const entries = journal.entries.toSorted((a, b) => a.idx - b.idx);
  return await Promise.all(
    entries.map(async ({ tag }, position) => {
      const file = await readFile(join(folder, `${tag}.sql`), "utf8");
      // A checkout on Windows may have changed the line ends, which changes nothing of the meaning.
      const text = file.replaceAll("\r\n", "\n");
      const statements = text.split(BREAKPOINT).filter((statement) => statement.trim() !== "");
      return { position, tag, hash: createHash("sha256").update(text).digest("hex"), statements };
    }),
  );
}

function refuseStrangers(known: readonly Migration[], applied: readonly AppliedMigration[]): void {
  for (const [index, row] of applied.entries()) {
    const migration = known[index];
    if (migration === undefined || migration.tag !== row.tag) {
      throw refused(
        `the ledger has migration ${row.tag}, which this version of Parley does not know: ` +
          "it was used by a newer version; start that version or a newer one, or restore a backup of before",
      );
    }
    if (migration.hash !== row.hash) {
      throw refused(
        `migration ${row.tag} was changed after it had been applied to this ledger: restore the file as it was`,
      );
    }
  }
}

async function apply(tx: SqlRunner, migration: Migration): Promise<void> {
  for (const text of migration.statements) await tx.query({ text });
  await tx.query({ text: "INSERT INTO parley_migrations (position, tag, hash) VALUES ($1, $2, $3)" }, [
    migration.position,
    migration.tag,
    migration.hash,
  ]);
}

function refused(detail: string): ParleyError {
  return new ParleyError("LEDGER_CONFIG_REFUSED", { detail });
}
