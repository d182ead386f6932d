import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import type { AuditVerification } from "../../../src/contracts/audit.ts";
import { watchAppends } from "../../../src/ledger/audit-appends.ts";
import { exportAudit } from "../../../src/ledger/audit-export.ts";
import { openAuditHeadFile } from "../../../src/ledger/audit-head-file.ts";
import { type AuditEntry, appendAudit } from "../../../src/ledger/audit-log.ts";
import { createAuditSealer } from "../../../src/ledger/audit-loop.ts";
import { pruneAudit } from "../../../src/ledger/audit-prune.ts";
import { sealAudit } from "../../../src/ledger/audit-seal.ts";
import { verifyAudit } from "../../../src/ledger/audit-verify.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { BACKENDS, openForTest } from "../connection/open-backends.ts";
import { temporaryFolder } from "../connection/temporary-folder.ts";
import { RecordingLogger } from "../queue/recording-logger.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const key = randomBytes(32);
const entry = (n: number): AuditEntry => ({ what: "admission", by: "p_1", rule: "member", event: `e_${n}` });

describe.each(BACKENDS)("the audit chain on %s", (backend) => {
  let database: Database;
  beforeEach(async () => {
    database = await openForTest(backend);
    await migrate(database, MIGRATIONS);
    await database.query({ text: "insert into organizations (id, name) values ('o', 'o'), ('p', 'p')" });
  });
  const append = async (from: number, to: number, organization = "o"): Promise<void> => {
    for (let n = from; n <= to; n += 1)
      await database.transaction((tx) => appendAudit(tx, organization, [entry(n), entry(n + 0.5)]));
  };
  const verify = (anchors: Parameters<typeof verifyAudit>[1]["anchors"] = []): Promise<AuditVerification> =>
    verifyAudit(database, { key, organizationId: "o", anchors });

  test("seals what is complete, in order, and only when there is something new", async () => {
    expect(await sealAudit(database, key, "o")).toBeUndefined();
    await append(1, 3);
    await append(1, 2, "p");
    const first = await sealAudit(database, key, "o");
    expect(first).toMatchObject({ number: 1, previous: "" });
    expect(first?.digests).toHaveLength(3);
    expect(await sealAudit(database, key, "o")).toBeUndefined();
    await append(4, 4);
    expect(await sealAudit(database, key, "o")).toMatchObject({ number: 2, previous: first?.seal });
    const found = await verify();
    expect(found).toMatchObject({ records: 4, seals: 2, unsealed: 0, findings: [] });
    expect(found.newest?.number).toBe(2);
  });

  test("a record that commits late is sealed after those before it, and no earlier", async () => {
    if (backend === "pglite") return; // one connection: no transaction is open beside another
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun: () => void = () => undefined;
    const isOpen = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const late = database.transaction(async (tx) => {
      await appendAudit(tx, "o", [entry(1)]);
      begun();
      await held;
    });
    await isOpen;
    await append(2, 3);
    expect(await sealAudit(database, key, "o")).toBeUndefined();
    release();
    await late;
    expect((await sealAudit(database, key, "o"))?.digests).toHaveLength(3);
    expect((await verify()).findings).toEqual([]);
  });

  test("processes that seal at once make one chain", async () => {
    await append(1, 20);
    await Promise.all([1, 2, 3, 4].map(() => sealAudit(database, key, "o")));
    await append(21, 30);
    await Promise.all([1, 2, 3, 4].map(() => sealAudit(database, key, "o")));
    await sealAudit(database, key, "o");
    expect(await verify()).toMatchObject({ records: 30, findings: [] });
  });

  test("the database refuses to change or delete records and seals", async () => {
    await append(1, 2);
    await sealAudit(database, key, "o");
    for (const text of [
      "update audit_log set entries = '[]'",
      "delete from audit_log",
      "truncate audit_log",
      "update audit_seals set seal = ''",
      "delete from audit_seals",
      "truncate audit_seals",
    ])
      await expect(database.query({ text })).rejects.toThrow(/append-only/);
    expect(await verify()).toMatchObject({ records: 2, findings: [] });
  });

  test("pruning removes whole seals, and verifying begins behind them; without the proof it finds them missing", async () => {
    await append(1, 3);
    await sealAudit(database, key, "o");
    await append(4, 5);
    await sealAudit(database, key, "o");
    await append(6, 6);
    await sealAudit(database, key, "o");
    expect(await pruneAudit(database, key, "o", 1)).toBe(0);
    const anchor = { number: 1, seal: (await verify()).newest?.seal ?? "", at: "", source: "the test" };
    expect(await pruneAudit(database, key, "o", 0)).toBe(2);
    await sealAudit(database, key, "o");
    const found = await verify([anchor]);
    expect(found).toMatchObject({ records: 2, seals: 2, prunedThrough: 2, findings: [] });
    expect(found.anchors).toEqual([{ source: "the test", number: 1, pruned: true }]);
    const other = await verifyAudit(database, { key: randomBytes(32), organizationId: "o", anchors: [] });
    expect(other.findings).toContainEqual(
      expect.objectContaining({ what: "seal", finding: "missing", id: 1, through: 2 }),
    );
    // Once more, with the record of the first pruning among what goes.
    expect(await pruneAudit(database, key, "o", 0)).toBe(1);
    await sealAudit(database, key, "o");
    expect(await verify()).toMatchObject({ prunedThrough: 3, findings: [] });
  });

  test("an anchor finds a tail that was cut off, and one that was written anew", async () => {
    await append(1, 2);
    await sealAudit(database, key, "o");
    await append(3, 4);
    const last = await sealAudit(database, key, "o");
    const anchor = { number: last?.number ?? 0, seal: last?.seal ?? "", at: "", source: "audit-head.json" };
    expect((await verify([anchor])).anchors).toEqual([{ source: "audit-head.json", number: 2, pruned: false }]);
    await database.transaction(async (tx) => {
      await tx.query({ text: "select set_config('parley.audit_pruning', 'on', true)" });
      await tx.query({ text: "delete from audit_seals where number = 2" });
      await tx.query({ text: "delete from audit_log where id > 2" });
    });
    expect((await verify()).findings).toEqual([]);
    expect((await verify([anchor])).findings).toMatchObject([{ what: "seal", finding: "missing", id: 2 }]);
    await append(5, 5);
    await sealAudit(database, key, "o");
    expect((await verify([anchor])).findings).toMatchObject([{ what: "seal", finding: "changed", id: 2 }]);
  });

  test("the loop seals what is appended, keeps the newest seal in a file, and says when the chain is another one", async () => {
    const folder = temporaryFolder();
    const watched = watchAppends(database);
    const logger = new RecordingLogger();
    const statements: string[] = [];
    const counting: Database = {
      ...watched.database,
      query: (statement, values) => {
        statements.push(statement.name ?? statement.text);
        return watched.database.query(statement, values);
      },
    };
    const sealer = createAuditSealer({
      database: counting,
      key,
      headFile: openAuditHeadFile(folder),
      logger,
      appended: watched.appended,
    });
    await sealer.run();
    const idle = statements.length;
    await sealer.run();
    expect(statements.length).toBe(idle);
    await watched.database.transaction((tx) => appendAudit(tx, "o", [entry(1)]));
    await sealer.run();
    expect(openAuditHeadFile(folder).of("o")?.number).toBe(1);
    expect(await verify()).toMatchObject({ records: 1, seals: 1 });
    await database.transaction(async (tx) => {
      await tx.query({ text: "select set_config('parley.audit_pruning', 'on', true)" });
      await tx.query({ text: "delete from audit_seals" });
      await tx.query({ text: "delete from audit_log" });
    });
    const restarted = createAuditSealer({ database, key, headFile: openAuditHeadFile(folder), logger });
    await restarted.run();
    expect(logger.messages("error").length > 0).toBe(true);
    // What was known stays known: the next seal must not cover it up.
    await append(2, 2);
    await restarted.run();
    expect(openAuditHeadFile(folder).of("o")?.seal).not.toBe((await verify()).newest?.seal);
  });

  test("exports the records in order, with their seals, and the end of the chain", async () => {
    await append(1, 2);
    await sealAudit(database, key, "o");
    const since = new Date();
    await append(3, 4);
    const seal = await sealAudit(database, key, "o");
    await append(5, 5);
    const lines = async (range: { since?: Date; until?: Date } = {}) => {
      const parsed: Record<string, unknown>[] = [];
      for await (const line of exportAudit(database, key, "o", range)) parsed.push(JSON.parse(line));
      return parsed;
    };
    const all = await lines();
    expect(all.map((line) => line["seal"])).toEqual([1, 1, 2, 2, null, undefined]);
    expect(all[0]?.["entries"]).toEqual([entry(1), entry(1.5)]);
    expect(all.at(-1)).toMatchObject({ end: true, records: 5, newestSeal: { number: 2, seal: seal?.seal } });
    expect((await lines({ since })).map((line) => line["seal"])).toEqual([2, 2, null, undefined]);
    expect((await lines({ until: since })).map((line) => line["seal"])).toEqual([1, 1, undefined]);
  });
});
