import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { BACKENDS, openForTest } from "./open-backends.ts";
import { temporaryFolder } from "./temporary-folder.ts";

function migrationFolder(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "meta"));
  const entries = Object.keys(files).map((tag, idx) => ({ idx, version: "7", when: 0, tag, breakpoints: true }));
  writeFileSync(
    join(folder, "meta", "_journal.json"),
    JSON.stringify({ version: "7", dialect: "postgresql", entries }),
  );
  for (const [tag, sql] of Object.entries(files)) writeFileSync(join(folder, `${tag}.sql`), sql);
  return folder;
}

const FIRST = "CREATE TABLE a (id int);\n--> statement-breakpoint\nINSERT INTO a VALUES (1);";
const SECOND = "ALTER TABLE a ADD COLUMN b text;--> statement-breakpoint\nUPDATE a SET b = 'x';";

describe.each(BACKENDS)("%s", (backend) => {
  test("applies what is pending, once, in order", async () => {
    const database = await openForTest(backend);
    const one = { "0000_first": FIRST };
    expect(await migrate(database, migrationFolder(one))).toEqual(["0000_first"]);
    const both = migrationFolder({ ...one, "0001_second": SECOND });
    expect(await migrate(database, both)).toEqual(["0001_second"]);
    expect(await migrate(database, both)).toEqual([]);
    expect(await database.query({ text: "SELECT id, b FROM a" })).toEqual([{ id: 1, b: "x" }]);
  });

  test("several starters at once apply each migration once", async () => {
    const database = await openForTest(backend);
    const folder = migrationFolder({ "0000_first": FIRST, "0001_second": SECOND });
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(database, folder)));
    expect(applied.flat().toSorted()).toEqual(["0000_first", "0001_second"]);
    expect(await database.query({ text: "SELECT id, b FROM a" })).toEqual([{ id: 1, b: "x" }]);
  });

  test("a failing migration leaves nothing of any of them", async () => {
    const database = await openForTest(backend);
    const broken = migrationFolder({ "0000_first": FIRST, "0001_broken": "CREATE TABLE c (id nonsense);" });
    await expect(migrate(database, broken)).rejects.toMatchObject({ code: "42704" });
    const tables = { text: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'" };
    expect(await database.query(tables)).toEqual([]);
    expect(await migrate(database, migrationFolder({ "0000_first": FIRST }))).toEqual(["0000_first"]);
  });

  test("a ledger newer than the code is refused and left as it is", async () => {
    const database = await openForTest(backend);
    await migrate(database, migrationFolder({ "0000_first": FIRST, "0001_second": SECOND }));
    const older = migrate(database, migrationFolder({ "0000_first": FIRST }));
    await expect(older).rejects.toThrow(/LEDGER_CONFIG_REFUSED: the ledger has migration 0001_second.*newer version/);
  });

  test("an applied migration that was changed is refused; other line ends are no change", async () => {
    const database = await openForTest(backend);
    await migrate(database, migrationFolder({ "0000_first": FIRST }));
    expect(await migrate(database, migrationFolder({ "0000_first": FIRST.replaceAll("\n", "\r\n") }))).toEqual([]);
    const changed = migrate(database, migrationFolder({ "0000_first": `${FIRST} -- changed` }));
    await expect(changed).rejects.toThrow("LEDGER_CONFIG_REFUSED: migration 0000_first was changed");
  });
});
