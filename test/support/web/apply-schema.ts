import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import type { Database } from "../../../src/ledger/connection/database.ts";
import * as webTables from "../../../src/ledger/schema/web.ts";

let statements: Promise<readonly string[]> | undefined;

/** Makes the web room's tables as its schema declares them. */
export async function applyWebSchema(database: Database): Promise<void> {
  statements ??= generateMigration(generateDrizzleJson({}), generateDrizzleJson(webTables));
  for (const text of await statements) await database.query({ text });
}
