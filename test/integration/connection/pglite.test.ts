import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { openPgliteFiles } from "../../../src/ledger/connection/pglite-files.ts";
import { vacuumWornTables } from "../../../src/ledger/connection/pglite-maintenance.ts";
import { PgliteSession } from "../../../src/ledger/connection/pglite-session.ts";
import { runFile } from "../../support/child.ts";
import { temporaryFolder, temporaryLedgerFolder } from "./temporary-folder.ts";

const WRITER = new URL("ledger-writer.ts", import.meta.url);

async function open(dataFolder: string): Promise<Database> {
  const database = await openDatabase({ dataFolder });
  onTestFinished(() => database.close());
  return database;
}

test("what was acknowledged survives kill -9, three times in a row", async () => {
  const folder = await temporaryLedgerFolder();
  let acknowledged = 0;
  for (let round = 0; round < 3; round += 1) {
    const writer = await runFile(WRITER, folder);
    await vi.waitFor(() => expect(writer.lines().length).toBeGreaterThan(100), { timeout: 20_000 });
    await writer.kill9();
    acknowledged = Number(writer.lines().at(-1));
  }
  const database = await open(folder);
  const [row] = await database.query<{ n: number; last: number }>({
    text: "SELECT count(*) AS n, max(n) AS last FROM stored",
  });
  expect(row?.last).toBeGreaterThanOrEqual(acknowledged);
  expect(row?.n).toBe(row?.last);
}, 60_000);

test("a second process is refused while the first one writes", async () => {
  const folder = await temporaryLedgerFolder();
  const writer = await runFile(WRITER, folder);
  await writer.firstLine();
  await expect(openDatabase({ dataFolder: folder })).rejects.toMatchObject({
    code: "LEDGER_LOCKED",
    facts: { pid: writer.pid },
  });
}, 30_000);

test("a first start that was killed halfway is made again from nothing", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "ledger.new"));
  writeFileSync(join(folder, "ledger.new", "PG_VERSION"), "18\n");
  const database = await open(folder);
  expect(await database.query({ text: "SELECT 1 AS n" })).toEqual([{ n: 1 }]);
  expect(existsSync(join(folder, "ledger.new"))).toBe(false);
});

test("damaged files are refused with what to do, and the lock is let go", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "ledger"));
  writeFileSync(join(folder, "ledger", "PG_VERSION"), "18\n");
  const refusal = { code: "LEDGER_CONFIG_REFUSED" };
  await expect(openDatabase({ dataFolder: folder })).rejects.toMatchObject(refusal);
  await expect(openDatabase({ dataFolder: folder })).rejects.toMatchObject(refusal);
});

test("after close every statement is refused, and the folder can be opened again", async () => {
  const folder = await temporaryLedgerFolder();
  const database = await openDatabase({ dataFolder: folder });
  await Promise.all([database.close(), database.close()]);
  await expect(database.query({ text: "SELECT 1" })).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" });
  const again = await open(folder);
  expect(await again.query({ text: "SELECT 1 AS n" })).toEqual([{ n: 1 }]);
});

test("close waits for the transaction under way", async () => {
  const folder = await temporaryLedgerFolder();
  const database = await openDatabase({ dataFolder: folder });
  const writing = database.transaction(async (tx) => {
    await tx.query({ text: "CREATE TABLE late (n int)" });
    await tx.query({ text: "INSERT INTO late VALUES (1)" });
  });
  await database.ping().catch(() => undefined);
  await Promise.all([database.close(), writing]);
  const again = await open(folder);
  expect(await again.query({ text: "SELECT n FROM late" })).toEqual([{ n: 1 }]);
});

test("a statement through the database inside its own transaction ends in an error that says why", async () => {
  const database = await open(await temporaryLedgerFolder());
  const selfWaiting = database.transaction(async () => {
    await database.query({ text: "SELECT 1" });
  });
  await expect(selfWaiting).rejects.toThrow("inside a transaction, statements must go through its own runner");
});

test("worn tables are vacuumed, others are left alone", async () => {
  const pglite = await openPgliteFiles(await temporaryLedgerFolder());
  onTestFinished(() => pglite.close());
  const session = await PgliteSession.open(pglite);
  const send = (text: string): Promise<unknown> => session.run((turn) => turn.query({ text }));
  await send("CREATE TABLE worn (n int PRIMARY KEY)");
  await send("CREATE TABLE fresh (n int PRIMARY KEY)");
  await send("INSERT INTO worn SELECT generate_series(1, 3000)");
  await send("INSERT INTO fresh SELECT generate_series(1, 3000)");
  await send("DELETE FROM worn");
  await send("SELECT pg_stat_force_next_flush()");
  await send("SELECT 1");
  expect(await vacuumWornTables(session)).toEqual(["public.worn"]);
  expect(await vacuumWornTables(session)).toEqual([]);
});
