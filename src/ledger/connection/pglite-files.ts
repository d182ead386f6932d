import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { ParleyError } from "../../errors/parley-error.ts";

/** Smaller than PostgreSQL's 128 MB and 1 GB: one process with a small database, on someone's laptop. */
const SETTINGS = ["shared_buffers=32MB", "max_wal_size=96MB", "min_wal_size=32MB"];

/**
 * Opens the embedded database under `folder`, which the caller has locked; creates it on the first start.
 *
 * It is created beside its place and renamed into it, so that a first start that is killed halfway leaves nothing that
 * the next one would take for a database.
 *
 * @throws ParleyError LEDGER_CONFIG_REFUSED when the files there cannot be opened.
 */
export async function openPgliteFiles(folder: string): Promise<PGlite> {
  const place = join(folder, "ledger");
  const draft = join(folder, "ledger.new");
  if (!existsSync(place)) {
    rmSync(draft, { recursive: true, force: true });
    const created = await open(draft);
    await created.close();
    renameSync(draft, place);
  }
  return await open(place);
}

async function open(dataDir: string): Promise<PGlite> {
  const startParams = [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ["-c", setting])];
  try {
    return await PGlite.create({ dataDir, startParams });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const detail =
      `the embedded database in ${dataDir} cannot be opened (${reason}): ` +
      "check that the disk is not full and the files are yours; restore the folder from a backup when they are damaged";
    throw new ParleyError("LEDGER_CONFIG_REFUSED", { cause, detail });
  }
}
