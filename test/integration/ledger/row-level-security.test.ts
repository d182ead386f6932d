import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Database, SqlRunner } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { openTenants, type Tenants } from "../../../src/ledger/connection/tenant-database.ts";
import { TENANT_ROLE } from "../../../src/ledger/connection/tenant-role.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { BACKENDS, type Backend, openForFile, openForTest } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/** The columns that a row cannot be without, of every table that holds what belongs to an organization. */
async function neededColumns(database: Database): Promise<Map<string, Column[]>> {
  const rows = await database.query<Column>({
    text: `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
      from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and a.attnotnull and d.oid is null
        and a.attgenerated = '' and exists (select from pg_attribute o where o.attrelid = c.oid and o.attname = 'organization_id')
      order by 1, a.attnum`,
  });
  return Map.groupBy(rows, (row) => row.table);
}

function valueOf({ name, type }: Column, organizationId: string): unknown {
  if (name === "organization_id") return organizationId;
  if (type.startsWith("timestamp")) return new Date();
  if (type === "date") return "2026-01-31";
  if (type === "jsonb") return "{}";
  if (type === "boolean") return true;
  if (type === "bytea") return Buffer.from("x");
  if (type === "xid8") return "1";
  if (/int|numeric|double/.test(type)) return organizationId === "a" ? 1 : 2;
  return `${organizationId}-${name}`;
}

async function fill(
  sql: SqlRunner,
  tables: ReadonlyMap<string, readonly Column[]>,
  organizationId: string,
): Promise<void> {
  for (const [table, columns] of tables) {
    const places = columns.map(({ type }, index) => `$${index + 1}::${type}`);
    await sql.query(
      { text: `insert into ${table} (${columns.map(({ name }) => name).join(", ")}) values (${places.join(", ")})` },
      columns.map((column) => valueOf(column, organizationId)),
    );
  }
}

/** What it gives, or nothing when PostgreSQL refuses it for want of a right (42501). */
async function refusedOr<Result>(run: () => Promise<Result[]>): Promise<Result[]> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "42501") return [];
    throw error;
  }
}

describe.each(BACKENDS)("row-level security on %s", (backend: Backend) => {
  let database: Database;
  let tenant: Tenants;
  let tables: Map<string, Column[]>;
  const count = async (sql: SqlRunner, table: string): Promise<number> => {
    const [row] = await sql.query<{ count: number }>({ text: `select count(*)::int as count from ${table}` });
    return row?.count ?? -1;
  };
  /** As the role, with no organization named: what a statement that forgot everything would see. */
  const bare = async <Row>(text: string): Promise<Row[]> =>
    await database.transaction(async (tx) => {
      await tx.query({ text: `set local role ${TENANT_ROLE}` });
      return await tx.query<Row>({ text });
    });

  beforeAll(async () => {
    database = await openForFile(backend);
    await migrate(database, MIGRATIONS);
    tenant = await openTenants(database, { required: true, onMissing: () => undefined });
    tables = await neededColumns(database);
    for (const organizationId of ["a", "b"]) {
      await database.query({ text: "insert into organizations (id, name) values ($1, $1)" }, [organizationId]);
      await fill(database, tables, organizationId);
    }
  });

  test("every table of an organization has a wall", async () => {
    const open = await database.query({
      text: `select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relrowsecurity
        and c.relname not in ('workers', 'parley_migrations')`,
    });
    expect(open).toEqual([]);
    expect(tables.size).toBeGreaterThan(35);
  });

  test("without an organization nothing is seen, changed, removed or added", async () => {
    const all = [...tables.keys(), "organizations"];
    const counts = await Promise.all(all.map((table) => count(database, table)));
    expect(counts).toEqual(all.map(() => 2));
    const reached: string[] = [];
    for (const table of all) {
      const name = tables.get(table)?.[0]?.name ?? "id";
      const changes = [`update ${table} set ${name} = ${name} returning 1`, `delete from ${table} returning 1`];
      for (const text of [`select 1 from ${table}`, ...changes])
        if ((await refusedOr(() => bare(text))).length > 0) reached.push(text);
    }
    expect(reached).toEqual([]);
  });

  test("an organization sees its own rows alone, and cannot write one of another", async () => {
    const seen = new Map<string, unknown>();
    const written: string[] = [];
    for (const [table, columns] of tables) {
      seen.set(table, await tenant("b").query({ text: `select organization_id from ${table}` }));
      const refused = await refusedOr(async () => {
        await tenant("b").transaction((tx) => fill(tx, new Map([[table, columns]]), "a"));
        return [table];
      });
      written.push(...refused);
    }
    expect(seen).toEqual(new Map([...tables.keys()].map((table) => [table, [{ organization_id: "b" }]])));
    expect(written).toEqual([]);
    expect(await tenant("b").query({ text: "select id from organizations" })).toEqual([{ id: "b" }]);
    await expect(
      tenant("b").query({ text: "update agents set organization_id = 'a' where organization_id = 'b'" }),
    ).rejects.toMatchObject({ code: "42501" });
  });

  test("the audit log can be added to and not changed", async () => {
    const changed: unknown[] = [];
    for (const text of [
      "update audit_log set entries = '[]' returning 1",
      "delete from audit_log returning 1",
      "truncate audit_log",
      "update audit_seals set seal = '' returning 1",
      "delete from audit_seals returning 1",
    ])
      changed.push(...(await refusedOr(async () => [text, await tenant("a").query({ text })])));
    expect(changed).toEqual([]);
  });

  test("neither role nor organization outlives the transaction, also when it fails or two run at once", async () => {
    await expect(tenant("a").query({ text: "select 1 / 0" })).rejects.toThrow("division by zero");
    const seen = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const organizationId = index % 2 === 0 ? "a" : "b";
        const [row] = await tenant(organizationId).query<{ id: string; role: string }>({
          text: "select id, current_user as role from organizations",
        });
        return [organizationId, row?.id, row?.role];
      }),
    );
    expect(seen.every(([asked, got, role]) => asked === got && role === TENANT_ROLE)).toBe(true);
    const [owner] = await database.query<{ role: string; rows: number }>({
      text: "select current_user as role, (select count(*)::int from organizations) as rows",
    });
    expect(owner).toMatchObject({ rows: 2 });
    expect(owner?.role).not.toBe(TENANT_ROLE);
  });
});

test("a role that no wall would hold is refused", async () => {
  // The embedded ledger has roles of its own; those of the server are shared with other tests.
  const database = await openForTest("pglite");
  await migrate(database, MIGRATIONS);
  await openTenants(database, { required: true, onMissing: () => undefined });
  await database.query({ text: `alter role ${TENANT_ROLE} bypassrls` });
  await expect(openTenants(database, { required: true, onMissing: () => undefined })).rejects.toMatchObject({
    code: "LEDGER_CONFIG_REFUSED",
  });
});

test("a role of PostgreSQL that may make no roles is told what to run, and is behind the wall once it was", async () => {
  const superuserUrl = await createTestDatabase();
  const admin = await openDatabase({ dataFolder: "unused", databaseUrl: superuserUrl });
  onTestFinished(() => admin.close());
  // Roles belong to the server, which other tests share.
  const name = `plain_${randomBytes(6).toString("hex")}`;
  await openTenants(admin, { required: true, onMissing: () => undefined });
  await admin.query({ text: `create role ${name} login password 'plain' nosuperuser nocreaterole` });
  await admin.query({ text: `grant all on schema public to ${name}` });
  const url = new URL(superuserUrl);
  await admin.query({ text: `grant create on database ${url.pathname.slice(1)} to ${name}` });
  url.username = name;
  url.password = "plain";
  const database = await openDatabase({ dataFolder: "unused", databaseUrl: url.href });
  onTestFinished(() => database.close());
  await migrate(database, MIGRATIONS);
  await database.query({ text: "insert into organizations (id, name) values ('a', 'a'), ('b', 'b')" });

  await expect(openTenants(database, { required: true, onMissing: () => undefined })).rejects.toMatchObject({
    code: "LEDGER_CONFIG_REFUSED",
    detail: expect.stringContaining(`grant ${TENANT_ROLE} to`),
  });
  const fixes: string[] = [];
  const open = await openTenants(database, { required: false, onMissing: (fix) => fixes.push(fix) });
  expect(fixes).toEqual([expect.stringContaining(`create role ${TENANT_ROLE}`)]);
  expect(await open("a").query({ text: "select id from organizations order by id" })).toHaveLength(2);

  await admin.query({ text: `grant ${TENANT_ROLE} to ${name}` });
  const tenant = await openTenants(database, { required: true, onMissing: () => undefined });
  expect(await tenant("a").query({ text: "select id from organizations" })).toEqual([{ id: "a" }]);
  await expect(tenant("a").query({ text: "select 1 from workers" })).rejects.toMatchObject({ code: "42501" });
  expect(await database.query({ text: "select id from organizations" })).toHaveLength(2);
});
