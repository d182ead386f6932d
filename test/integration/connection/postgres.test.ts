import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { refuseUnfitServer, type ServerFacts } from "../../../src/ledger/connection/postgres-checks.ts";
import { freePort, type PostgresOptions, type PostgresServer, startPostgres } from "../../support/servers/index.ts";

async function start(options: PostgresOptions = {}): Promise<PostgresServer> {
  const server = await startPostgres({ fsync: true, ...options });
  onTestFinished(() => server.stop());
  return server;
}

async function open(databaseUrl: string): Promise<Database> {
  const database = await openDatabase({ databaseUrl, dataFolder: "unused" });
  onTestFinished(() => database.close());
  return database;
}

const FIT: ServerFacts = {
  versionNumber: 150_018,
  version: "15.18",
  fsync: "on",
  synchronousCommit: "on",
  encoding: "UTF8",
  inRecovery: false,
  serverTimeMs: 1_000_000,
  processTimeMs: 1_000_000,
};

describe("which servers are refused", () => {
  test.each<[string, Partial<ServerFacts>]>([
    ["PostgreSQL 13.9: upgrade to 14", { versionNumber: 130_009, version: "13.9" }],
    ["fsync is off", { fsync: "off" }],
    ["synchronous_commit is off", { synchronousCommit: "off" }],
    ["encoding is SQL_ASCII", { encoding: "SQL_ASCII" }],
    ["read-only replica", { inRecovery: true }],
    ["clock is 61 s ahead", { serverTimeMs: 1_061_000 }],
    ["clock is 61 s behind", { serverTimeMs: 939_000 }],
  ])("%s", (reason, facts) => {
    expect(() => refuseUnfitServer({ ...FIT, ...facts })).toThrow(reason);
  });

  test("a fit one is not, nor is 59 s of skew", () => {
    expect(() => refuseUnfitServer(FIT)).not.toThrow();
    expect(() => refuseUnfitServer({ ...FIT, serverTimeMs: 1_059_000 })).not.toThrow();
    expect(() => refuseUnfitServer({ ...FIT, synchronousCommit: "remote_apply" })).not.toThrow();
  });
});

test("a real server with fsync and synchronous_commit off is refused with both reasons", async () => {
  const server = await start({ fsync: false, settings: { synchronous_commit: "off" } });
  const opening = openDatabase({ databaseUrl: server.url, dataFolder: "unused" });
  await expect(opening).rejects.toMatchObject({ code: "LEDGER_CONFIG_REFUSED" });
  await expect(opening).rejects.toThrow(/fsync = on.*synchronous_commit = on/);
});

test("a wrong URL, a missing database and a server that is away are told apart", async () => {
  const server = await start();
  const opening = (databaseUrl: string): Promise<Database> =>
    openDatabase({ databaseUrl, dataFolder: "unused", waitMs: 0 });
  await expect(opening("mysql://u:secret@127.0.0.1/x")).rejects.toMatchObject({ code: "LEDGER_CONFIG_REFUSED" });
  await expect(opening("postgres://u:secret@127.0.0.1:port/x")).rejects.toThrow("percent-encoded");
  await expect(opening(server.url.replace(/postgres$/, "missing"))).rejects.toThrow(
    /LEDGER_CONFIG_REFUSED: .*"missing" does not exist/,
  );
  const away = opening(`postgres://u:secret@127.0.0.1:${await freePort()}/x`);
  await expect(away).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" });
  await expect(away).rejects.not.toThrow("secret");
});

test("every connection has its bounds and its name, and the queue's finds its schema", async () => {
  const server = await start();
  const database = await open(server.url);
  const text = `SELECT current_setting('statement_timeout') AS statement,
    current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('application_name') AS name,
    current_setting('search_path') AS path`;
  const bounds = { statement: "15s", idle: "5s", name: "parley" };
  expect(await database.query({ text })).toMatchObject([bounds]);
  expect((await database.pool.query(text)).rows).toMatchObject([{ ...bounds, path: "bullmq" }]);
});

test("while the server is away statements fail as LEDGER_UNAVAILABLE, and work again when it is back", async () => {
  const server = await start();
  const database = await open(server.url);
  const stuck = database.query({ text: "SELECT pg_sleep(10)" });
  stuck.catch(() => undefined);
  await vi.waitFor(async () => {
    const [row] = await database.query<{ n: number }>({
      text: "SELECT count(*) AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(10)'",
    });
    expect(row?.n).toBe(1);
  });
  await server.kill9();
  await expect(stuck).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" });
  // Connections that are open outlive their postmaster for a moment.
  await vi.waitFor(() =>
    expect(database.query({ text: "SELECT 1" })).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" }),
  );
  await expect(database.transaction(async () => undefined)).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" });
  await server.restart();
  expect(await database.query({ text: "SELECT 1 AS n" })).toEqual([{ n: 1 }]);
});

test("a transaction whose connection is lost fails, and its connection is not used again", async () => {
  const server = await start();
  const database = await openDatabase({ databaseUrl: server.url, dataFolder: "unused", poolSize: 1 });
  onTestFinished(() => database.close());
  const lost = database.transaction(async (tx) => {
    await tx.query({ text: "SELECT pg_terminate_backend(pg_backend_pid())" });
  });
  await expect(lost).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" });
  expect(await database.query({ text: "SELECT 1 AS n" })).toEqual([{ n: 1 }]);
});

test("listening goes on after a restart, and says that it may have missed something", async () => {
  const server = await start();
  const database = await open(server.url);
  const heard: string[] = [];
  let gaps = 0;
  await database.listen(
    "news",
    (payload) => heard.push(payload),
    () => {
      gaps += 1;
    },
  );
  await server.restart();
  await vi.waitFor(() => expect(gaps).toBe(1), { timeout: 15_000 });
  await database.query({ text: "SELECT pg_notify('news', 'after')" });
  await vi.waitFor(() => expect(heard).toEqual(["after"]));
});

test("a server that starts late is waited for", async () => {
  const port = await freePort();
  const opening = openDatabase({
    databaseUrl: `postgres://postgres@127.0.0.1:${port}/postgres`,
    dataFolder: "unused",
    waitMs: 30_000,
  });
  opening.catch(() => undefined);
  await start({ port });
  const database = await opening;
  onTestFinished(() => database.close());
  expect(await database.query({ text: "SELECT 1 AS n" })).toEqual([{ n: 1 }]);
});

test("close waits for a transaction under way, but not for a connection that is never given back", async () => {
  const server = await start();
  const database = await openDatabase({ databaseUrl: server.url, dataFolder: "unused" });
  const client = await database.pool.connect();
  client.on("error", () => undefined);
  const finished = database.transaction(async (tx) => {
    await tx.query({ text: "SELECT pg_sleep(1)" });
    return "finished";
  });
  await database.ping();
  const closing = performance.now();
  await database.close();
  expect(performance.now() - closing).toBeLessThan(4_000);
  expect(await finished).toBe("finished");
  await expect(client.query("SELECT 1")).rejects.toThrow("not queryable");
});
