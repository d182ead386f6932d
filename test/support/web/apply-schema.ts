import { fileURLToPath } from "node:url";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));

/** Makes the ledger's tables, the web room's among them, as the product does at its start. */
export async function applyWebSchema(database: Database): Promise<void> {
  await migrate(database, MIGRATIONS);
}
