import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openPgliteFiles } from "../../../src/ledger/connection/pglite-files.ts";

/**
 * A new data folder that already holds an empty embedded database, which saves the seconds that creating one takes. The
 * caller removes it. The original is made once per machine and version, and copied.
 */
export async function embeddedDataFolder(): Promise<string> {
  const original = join(tmpdir(), `parley-embedded-${versionKey()}`);
  if (!existsSync(original)) {
    const draft = mkdtempSync(join(tmpdir(), "parley-embedded-draft-"));
    const pglite = await openPgliteFiles(draft);
    await pglite.close();
    try {
      renameSync(draft, original);
    } catch (error) {
      // Another test process was faster; its original is as good.
      rmSync(draft, { recursive: true, force: true });
      if (!existsSync(original)) throw error;
    }
  }
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  cpSync(original, folder, { recursive: true });
  return folder;
}

/** Changes with PGlite's version and with how Parley sets its files up. */
function versionKey(): string {
  const entry = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const hash = createHash("sha256");
  hash.update(readFileSync(join(dirname(entry), "..", "package.json")));
  hash.update(readFileSync(new URL("../../../src/ledger/connection/pglite-files.ts", import.meta.url)));
  return hash.digest("hex").slice(0, 16);
}
