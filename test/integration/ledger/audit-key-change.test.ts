import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import type { AuditVerification } from "../../../src/contracts/audit.ts";
import { exportAudit } from "../../../src/ledger/audit-export.ts";
import { type AuditKeys, openAuditKeys } from "../../../src/ledger/audit-keys.ts";
import { appendAudit } from "../../../src/ledger/audit-log.ts";
import { pruneAudit } from "../../../src/ledger/audit-prune.ts";
import { sealAudit } from "../../../src/ledger/audit-seal.ts";
import { verifyAudit } from "../../../src/ledger/audit-verify.ts";
import type { Database, SqlRunner } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { resealSecrets } from "../../../src/ledger/reseal-secrets.ts";
import { createSecretBox } from "../../../src/ledger/secret-box.ts";
import { BACKENDS, openForTest } from "../connection/open-backends.ts";

/** Security rule R32 over changes of the deployment's key: the log of before is verified as well as that of now. */

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
/** The deployment's keys, one after another, each as the box of secrets and the audit log take it. */
const SECRETS = Array.from({ length: 4 }, () => ({ box: randomBytes(32), audit: randomBytes(32) }));

class Undo extends Error {}

describe.each(BACKENDS)("the audit log over changes of the key, on %s", (backend) => {
  let database: Database;
  let keys: AuditKeys;
  beforeEach(async () => {
    database = await openForTest(backend);
    await migrate(database, MIGRATIONS);
    await database.query({ text: "insert into organizations (id, name) values ('o', 'o')" });
  });

  /** A start with one of the keys, and the one before named where the operator does so; then what is sealed is sealed anew. */
  async function start(now: number, before?: number): Promise<AuditKeys> {
    const [own, old] = [SECRETS[now], before === undefined ? undefined : SECRETS[before]];
    if (own === undefined) throw new Error("there is no such key");
    const box = createSecretBox(own.box, ...(old === undefined ? [] : [old.box]));
    const opened = await openAuditKeys(database, box, [own.audit, ...(old === undefined ? [] : [old.audit])]);
    await resealSecrets(database, box);
    return opened;
  }
  async function write(from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n += 1)
      await database.transaction((tx) => appendAudit(tx, "o", [{ what: "admission", by: "p", event: `e_${n}` }]));
    await seal(keys.current);
  }
  /** One seal over all that waits, once it is complete: what other tests have open on the server that they share keeps it from being so. */
  async function seal(key: Buffer): Promise<number | undefined> {
    await expect
      .poll(
        () =>
          database.query({
            text: "select 1 from audit_log where xact >= pg_snapshot_xmin(pg_current_snapshot()) limit 1",
          }),
        { timeout: 30_000 },
      )
      .toEqual([]);
    return (await sealAudit(database, key, "o"))?.number;
  }
  const verify = async (sql: SqlRunner = database): Promise<AuditVerification> =>
    await verifyAudit(sql, { key: keys.current, earlierKeys: keys.earlier, organizationId: "o", anchors: [] });
  /** Two changes of the key; in each time between them two seals. */
  async function threeEpochs(): Promise<void> {
    for (const [now, before] of [
      [0, undefined],
      [1, 0],
      [2, 1],
    ] as const) {
      keys = await start(now, before);
      await write(now * 10 + 1, now * 10 + 3);
      await write(now * 10 + 4, now * 10 + 5);
    }
  }

  test("is sound from its first record to its last, also once no old key is named any more", async () => {
    await threeEpochs();
    expect(await verify()).toMatchObject({ records: 15, seals: 6, findings: [] });
    keys = await start(2);
    expect(keys.earlier).toHaveLength(2);
    expect(await verify()).toMatchObject({ records: 15, seals: 6, findings: [] });
    // Without them it is what it was before: nothing of the older epochs can be told.
    const alone = await verifyAudit(database, { key: keys.current, organizationId: "o", anchors: [] });
    expect(alone.findings.length).toBeGreaterThan(0);
    const lines: { readonly id?: number; readonly digest?: string }[] = [];
    for await (const line of exportAudit(database, keys.current, "o", {}, keys.earlier)) lines.push(JSON.parse(line));
    const sealed = await database.query<{ digest: string }>({
      text: "select d.value as digest from audit_seals s cross join jsonb_array_elements_text(s.digests) as d(value) order by s.number",
    });
    expect(lines.flatMap(({ id, digest }) => (id === undefined ? [] : [`${id}:${digest}`]))).toEqual(
      sealed.map(({ digest }) => digest),
    );
  });

  test("tells of each change in each epoch what was changed, as under one key", async () => {
    await threeEpochs();
    const records = await database.query<{ id: number }>({ text: "select id from audit_log order by xact, id" });
    const tampered = async (change: (tx: SqlRunner) => Promise<unknown>): Promise<AuditVerification> => {
      let found: AuditVerification | undefined;
      await database
        .transaction(async (tx) => {
          await tx.query({ text: "set local session_replication_role = replica" });
          await change(tx);
          found = await verify(tx);
          throw new Undo();
        })
        .catch((error: unknown) => {
          if (!(error instanceof Undo)) throw error;
        });
      if (found === undefined) throw new Error("it was not verified");
      return found;
    };
    for (const [epoch, at] of [1, 6, 11].entries()) {
      const id = records[at]?.id ?? 0;
      const changed = await tampered((tx) =>
        tx.query({ text: "update audit_log set entries = replace(entries, 'admission', 'denied') where id = $1" }, [
          id,
        ]),
      );
      expect([epoch, changed.findings]).toEqual([
        epoch,
        [expect.objectContaining({ what: "record", finding: "changed", id })],
      ]);
      const removed = await tampered((tx) => tx.query({ text: "delete from audit_log where id = $1" }, [id]));
      expect([epoch, removed.findings]).toEqual([
        epoch,
        [expect.objectContaining({ what: "record", finding: "missing", id })],
      ]);
      const number = epoch * 2 + 1;
      const seal = await tampered((tx) =>
        tx.query({ text: "update audit_seals set at = at - interval '1 day' where number = $1" }, [number]),
      );
      expect(seal.findings).toContainEqual(expect.objectContaining({ what: "seal", finding: "changed", id: number }));
    }
    expect((await verify()).findings).toEqual([]);
  });

  test("gives nobody with a key of before a way to write on, to write anew or to prune", async () => {
    await threeEpochs();
    const stolen = SECRETS[0]?.audit ?? Buffer.alloc(32);
    // On: a seal by an old key after one by a newer.
    await database.transaction((tx) => appendAudit(tx, "o", [{ what: "admission", by: "thief" }]));
    const forged = await seal(stolen);
    expect((await verify()).findings).toContainEqual(
      expect.objectContaining({ what: "seal", finding: "changed", id: forged }),
    );
    await asSuperuser("delete from audit_seals where number = 7; delete from audit_log where entries like '%thief%'");
    expect((await verify()).findings).toEqual([]);
    // Anew: the last seal of the first epoch, sealed again over other records, is not the one that the second epoch went on from.
    await asSuperuser(
      "delete from audit_log where id = (select max(id) from audit_log where entries like '%\"e_5\"%')",
    );
    await asSuperuser(
      "create table kept as select * from audit_seals where number > 1; delete from audit_seals where number > 1",
    );
    await asSuperuser(
      "create table later as select * from audit_log where entries ~ 'e_(1|2)[0-9]'; delete from audit_log where entries ~ 'e_(1|2)[0-9]'",
    );
    await seal(stolen);
    await asSuperuser(
      "insert into audit_log select * from later; insert into audit_seals select * from kept where number > 2",
    );
    expect((await verify()).findings).toContainEqual(
      expect.objectContaining({ what: "seal", finding: "moved", id: 3 }),
    );
  });

  test("knows a pruning of before, and takes no proof of one that an old key made since", async () => {
    keys = await start(0);
    for (const n of [1, 2, 3]) await write(n, n);
    expect(await pruneAudit(database, keys.current, "o", 0)).toBe(2);
    await seal(keys.current);
    keys = await start(1, 0);
    await seal(keys.current);
    await write(4, 4);
    expect(await verify()).toMatchObject({ prunedThrough: 2, findings: [] });
    keys = await start(2, 1);
    await seal(keys.current);
    expect(await verify()).toMatchObject({ prunedThrough: 2, findings: [] });
    await pruneAudit(database, SECRETS[0]?.audit ?? Buffer.alloc(32), "o", 0);
    await seal(keys.current);
    expect((await verify()).findings).toContainEqual(
      expect.objectContaining({ what: "seal", finding: "missing", id: 1 }),
    );
  });

  test("is sealed by who has the newest key, and by nobody else", async () => {
    const old = await start(0);
    expect(await old.isNewest()).toBe(true);
    const now = await start(1, 0);
    expect([await old.isNewest(), await now.isNewest()]).toEqual([false, true]);
    // A process with the old key alone that starts again after the change.
    const behind = await openAuditKeys(database, createSecretBox(SECRETS[0]?.box ?? Buffer.alloc(32)), [
      SECRETS[0]?.audit ?? Buffer.alloc(32),
    ]);
    expect(await behind.isNewest()).toBe(false);
    expect(await now.isNewest()).toBe(true);
    // Whoever lost the old key altogether goes on with a new one.
    const lost = await start(3);
    expect([await lost.isNewest(), lost.earlier.length]).toEqual([true, 0]);
  });

  test("of a ledger from before there were rings begins with the key that the operator names", async () => {
    keys = { current: SECRETS[0]?.audit ?? Buffer.alloc(32), earlier: [], isNewest: async () => true };
    await write(1, 2);
    keys = await start(1, 0);
    await write(3, 4);
    expect(await verify()).toMatchObject({ records: 4, findings: [] });
  });

  async function asSuperuser(text: string): Promise<void> {
    await database.transaction(async (tx) => {
      await tx.query({ text: "set local session_replication_role = replica" });
      for (const one of text.split("; ")) await tx.query({ text: one });
    });
  }
});
