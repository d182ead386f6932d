import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Database, SqlRunner } from "../../../src/ledger/connection/database.ts";
import { BACKENDS, type Backend, openForFile } from "./open-backends.ts";

const databases = new Map<Backend, Database>();

function the(backend: Backend): Database {
  const database = databases.get(backend);
  if (database === undefined) throw new Error(`${backend} is not open`);
  return database;
}

beforeAll(async () => {
  for (const backend of BACKENDS) {
    const database = await openForFile(backend);
    await database.query({ text: "CREATE TABLE things (id bigserial PRIMARY KEY, name text UNIQUE, data jsonb)" });
    databases.set(backend, database);
  }
});

const ALL_TYPES = `
  SELECT 42::int8 AS int8, 9007199254740991::int8 AS largest, '{1,NULL,3}'::int8[] AS int8s, 7::int4 AS int4, 1.5::float8 AS float8,
         12.340::numeric AS numeric, true AS bool, 'é'::text AS text, '{a,NULL,"b c"}'::text[] AS texts, NULL::text AS nothing,
         '2026-11-21T10:00:00.123Z'::timestamptz AS timestamptz, '{"a":[1,{"b":null}]}'::jsonb AS jsonb,
         '[1,2]'::json AS json, '\\x00ff'::bytea AS bytea, gen_random_uuid() IS NOT NULL AS uuid_there,
         '11111111-2222-3333-4444-555555555555'::uuid AS uuid, count(*) AS counted, sum(1::int8) AS summed`;

test("both backends give equal values of equal types for every column type", async () => {
  const [pglite] = await the("pglite").query<Record<string, unknown>>({ text: ALL_TYPES });
  const [postgres] = await the("postgres").query<Record<string, unknown>>({ text: ALL_TYPES });
  expect(pglite).toEqual(postgres);
  expect(postgres).toMatchObject({
    int8: 42,
    largest: Number.MAX_SAFE_INTEGER,
    int8s: [1, null, 3],
    numeric: "12.340",
    texts: ["a", null, "b c"],
    nothing: null,
    timestamptz: new Date("2026-11-21T10:00:00.123Z"),
    jsonb: { a: [1, { b: null }] },
    counted: 1,
    summed: "1",
  });
});

describe.each(BACKENDS)("%s", (backend) => {
  test("values go in as they come out", async () => {
    const values = [12, "tëxt", new Date("2026-01-02T03:04:05.678Z"), { deep: ["x"] }, ["a", "b"], null, true];
    const text = "SELECT $1::int8 a, $2::text b, $3::timestamptz c, $4::jsonb d, $5::text[] e, $6::text f, $7::bool g";
    const [row] = await the(backend).query<Record<string, unknown>>({ text }, values);
    expect(Object.values(row ?? {})).toEqual(values);
  });

  test("an int8 that a number cannot hold is an error and not another number", async () => {
    await expect(the(backend).query({ text: "SELECT 9007199254740993::int8 AS n" })).rejects.toThrow("does not fit");
    expect(await the(backend).query({ text: "SELECT 1 AS n" })).toEqual([{ n: 1 }]);
  });

  test("a large value passes in both directions", async () => {
    const large = "x".repeat(3_000_000);
    const [row] = await the(backend).query<{ size: number; text: string }>(
      { text: "SELECT length($1::text) AS size, $1::text AS text" },
      [large],
    );
    expect(row).toEqual({ size: large.length, text: large });
  });

  test("a named statement is prepared once and keeps to its text", async () => {
    const database = the(backend);
    const named = { name: "twice", text: "SELECT $1::int4 * 2 AS n" };
    expect(await database.query(named, [2])).toEqual([{ n: 4 }]);
    expect(await database.query(named, [3])).toEqual([{ n: 6 }]);
    await database.transaction(async (tx) => {
      await tx.query(named, [1]);
      const [row] = await tx.query<{ n: number }>({
        text: "SELECT count(*) AS n FROM pg_prepared_statements WHERE name = 'twice'",
      });
      expect(row).toEqual({ n: 1 });
    });
  });

  test("an error of the statement keeps its SQLSTATE", async () => {
    const database = the(backend);
    const insert = { text: "INSERT INTO things (name) VALUES ('same')" };
    await database.query(insert);
    await expect(database.query(insert)).rejects.toMatchObject({ code: "23505", constraint: "things_name_key" });
    await expect(database.query({ text: "SELECT nonsense" })).rejects.toMatchObject({ code: "42703" });
  });

  test("a transaction is committed as a whole, or rolled back as a whole", async () => {
    const database = the(backend);
    const insert = { name: "insert", text: "INSERT INTO things (name, data) VALUES ($1, $2)" };
    const answer = await database.transaction(async (tx) => {
      await tx.query(insert, ["kept 1", { n: 1 }]);
      await tx.query(insert, ["kept 2", { n: 2 }]);
      return "done";
    });
    expect(answer).toBe("done");
    const broken = database.transaction(async (tx) => {
      await tx.query(insert, ["lost", null]);
      throw new Error("changed my mind");
    });
    await expect(broken).rejects.toThrow("changed my mind");
    const rows = await database.query({ text: "SELECT name FROM things WHERE name ~ 'kept|lost' ORDER BY name" });
    expect(rows).toEqual([{ name: "kept 1" }, { name: "kept 2" }]);
  });

  test("a transaction whose failed statement was ignored is an error and stores nothing", async () => {
    const database = the(backend);
    const ignored = database.transaction(async (tx) => {
      await tx.query({ text: "INSERT INTO things (name) VALUES ('swallowed')" });
      await tx.query({ text: "SELECT 1 / 0" }).catch(() => undefined);
    });
    await expect(ignored).rejects.toMatchObject({ code: "INVARIANT_BROKEN" });
    expect(await database.query({ text: "SELECT 1 FROM things WHERE name = 'swallowed'" })).toEqual([]);
  });

  test("statements of a transaction may be sent together, and none is sent after its end", async () => {
    const database = the(backend);
    const insert = { text: "INSERT INTO things (name) VALUES ($1)" };
    const runners: SqlRunner[] = [];
    await database.transaction(async (tx) => {
      runners.push(tx);
      await Promise.all(["p1", "p2", "p3"].map((name) => tx.query(insert, [name])));
    });
    await expect(runners[0]?.query(insert, ["p4"])).rejects.toMatchObject({ code: "INVARIANT_BROKEN" });
    const names = await database.query({ text: "SELECT name FROM things WHERE name ~ '^p[0-9]' ORDER BY name" });
    expect(names).toEqual([{ name: "p1" }, { name: "p2" }, { name: "p3" }]);
  });

  test("a statement that a transaction did not wait for is still part of it", async () => {
    const database = the(backend);
    await database.transaction(async (tx) => {
      tx.query({ text: "INSERT INTO things (name) VALUES ('unawaited')" }).catch(() => undefined);
      await tx.query({ text: "SELECT 1" });
      tx.query({ text: "SELECT pg_sleep(0.05)" }).catch(() => undefined);
    });
    const rows = await database.query({ text: "SELECT name FROM things WHERE name = 'unawaited'" });
    expect(rows).toEqual([{ name: "unawaited" }]);
  });

  test("nobody else's statement runs inside a transaction", async () => {
    const database = the(backend);
    await database.query({ text: "CREATE TABLE counters (id int PRIMARY KEY, n int)" });
    await database.query({ text: "INSERT INTO counters VALUES (1, 0)" });
    const broken = database.transaction(async (tx) => {
      await tx.query({ text: "SELECT 1" });
      throw new Error("rolled back");
    });
    // Were they inside the transaction that rolls back, some of these would be lost.
    const others = Array.from({ length: 50 }, () =>
      database.query({ text: "UPDATE counters SET n = n + 1 WHERE id = 1" }),
    );
    await expect(broken).rejects.toThrow("rolled back");
    await Promise.all(others);
    expect(await database.query({ text: "SELECT n FROM counters" })).toEqual([{ n: 50 }]);
  });

  test("a notification reaches every listener of its channel until they stop", async () => {
    const database = the(backend);
    const heard: string[] = [];
    const stopOne = await database.listen("Odd Channel", (payload) => heard.push(`one ${payload}`));
    const stopTwo = await database.listen("Odd Channel", (payload) => heard.push(`two ${payload}`));
    const notify = (payload: string): Promise<unknown> =>
      database.query({ text: "SELECT pg_notify('Odd Channel', $1)" }, [payload]);
    await notify("first");
    await vi.waitFor(() => expect(heard.toSorted()).toEqual(["one first", "two first"]));
    await stopOne();
    await database.transaction(async (tx) => {
      await tx.query({ text: "SELECT pg_notify('Odd Channel', 'second')" });
      expect(heard).toHaveLength(2);
    });
    await vi.waitFor(() => expect(heard).toContain("two second"));
    await stopTwo();
    await notify("third");
    await database.ping();
    expect(heard).toHaveLength(3);
  });

  test("an idle transaction is rolled back after five seconds and the next one gets its turn", async () => {
    const database = the(backend);
    const idle = database.transaction(async (tx) => {
      await tx.query({ text: "INSERT INTO things (name) VALUES ('idle')" });
      await new Promise((resolve) => setTimeout(resolve, 7_000));
      await tx.query({ text: "SELECT 1" });
    });
    await expect(idle).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" });
    expect(await database.query({ text: "SELECT 1 FROM things WHERE name = 'idle'" })).toEqual([]);
  });

  test("ping measures an answer", async () => {
    const { latencyMs } = await the(backend).ping();
    expect(latencyMs).toBeGreaterThan(0);
    expect(latencyMs).toBeLessThan(5_000);
  });
});
