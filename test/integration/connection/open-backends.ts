import { rmSync } from "node:fs";
import { afterAll, onTestFinished } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { embeddedDataFolder } from "../../support/embedded/data-folder.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";

export const BACKENDS = ["pglite", "postgres"] as const;
export type Backend = (typeof BACKENDS)[number];

/** Opens an empty database for all tests of a file; call it in beforeAll. */
export async function openForFile(backend: Backend): Promise<Database> {
  return await open(backend, afterAll);
}

/** Opens an empty database for the running test. */
export async function openForTest(backend: Backend): Promise<Database> {
  return await open(backend, onTestFinished);
}

async function open(backend: Backend, atEnd: (clean: () => Promise<void>) => void): Promise<Database> {
  if (backend === "postgres") {
    const database = await openDatabase({ dataFolder: "unused", databaseUrl: await createTestDatabase() });
    atEnd(() => database.close());
    return database;
  }
  const dataFolder = await embeddedDataFolder();
  const database = await openDatabase({ dataFolder });
  atEnd(async () => {
    await database.close();
    rmSync(dataFolder, { recursive: true, force: true });
  });
  return database;
}
