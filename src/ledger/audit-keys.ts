import { createHmac } from "node:crypto";
import { proofOfPruning } from "./audit-digests.ts";
import { appendAudit } from "./audit-log.ts";
import { firstSealNumber } from "./audit-records.ts";
import { findPruning } from "./audit-verify.ts";
import type { Database, SqlRunner } from "./connection/database.ts";
import type { SecretBox, SecretPlace } from "./secret-box.ts";

/** The keys that an audit log is sealed with, one after another. */
export interface AuditKeys {
  readonly current: Buffer;
  /** Those before it, oldest first, as far as they can be opened. */
  readonly earlier: readonly Buffer[];
  /** False once another process works with a newer key: this one must seal and prune nothing any more. */
  isNewest(): Promise<boolean>;
}

/** A key belongs to the deployment, and to its own row. */
const AUDIT_KEY_ORGANIZATION = "*";
const AUDIT_KEY_PLATFORM = "audit";
const placeOf = (id: number): SecretPlace => ({
  organizationId: AUDIT_KEY_ORGANIZATION,
  platform: AUDIT_KEY_PLATFORM,
  installationId: String(id),
  field: "key",
});

interface KeyRow {
  readonly id: number;
  readonly sealed: string;
  readonly fingerprint: string;
}

/**
 * Opens the keys of the audit log and, after a change of the deployment's key, begins a new one: what was sealed before is verified with the key
 * that sealed it, and nobody who has only that can add to the log or prune it any more.
 *
 * `key` is today's and `previous` what the operator named as the one before. A key that cannot be opened is left out: its seals are then in doubt.
 */
export async function openAuditKeys(
  database: Database,
  box: SecretBox,
  [key, ...previous]: readonly [Buffer, ...Buffer[]],
): Promise<AuditKeys> {
  return await database.transaction(async (tx) => {
    await tx.query({ text: "select pg_advisory_xact_lock(hashtextextended('parley audit keys', 0))" });
    const rows = await tx.query<KeyRow>({ text: "select id, sealed, fingerprint from audit_keys order by id" });
    const earlier = rows.map((row) => ({ ...row, key: opened(box, row) }));
    const last = earlier.at(-1);
    if (last?.fingerprint === fingerprintOf(key))
      return ringOf(
        database,
        key,
        last.id,
        earlier.slice(0, -1).map((row) => row.key),
      );
    // A process with a key of before that cannot read the newest one was left behind; it may look, and adds nothing.
    if (last !== undefined && last.key === undefined && rows.some((row) => row.fingerprint === fingerprintOf(key)))
      return ringOf(database, key, 0, []);
    const [named] = previous;
    // The first ring of a ledger that was written before there were any begins with the key that wrote it.
    if (last === undefined && named !== undefined) {
      await addKey(tx, box, named);
      earlier.push({ id: 0, sealed: "", fingerprint: "", key: named });
    }
    const id = await addKey(tx, box, key);
    const known = earlier.flatMap((row) => row.key ?? []);
    await proveAnew(tx, key, known);
    return ringOf(database, key, id, known);
  });
}

function ringOf(database: Database, current: Buffer, id: number, earlier: readonly (Buffer | undefined)[]): AuditKeys {
  return {
    current,
    earlier: earlier.filter((key) => key !== undefined),
    async isNewest() {
      const [row] = await database.query<{ newest: boolean }>(
        { name: "newest_audit_key", text: "select not exists (select 1 from audit_keys where id > $1) as newest" },
        [id],
      );
      return row?.newest === true;
    },
  };
}

async function addKey(tx: SqlRunner, box: SecretBox, key: Buffer): Promise<number> {
  const [row] = await tx.query<{ id: number }>({ text: "select nextval('audit_keys_id_seq')::int as id" });
  const id = row?.id ?? 0;
  const sealed = box.seal(placeOf(id), { key: key.toString("base64") });
  await tx.query({ text: "insert into audit_keys (id, sealed, fingerprint) values ($1, $2, $3)" }, [
    id,
    sealed,
    fingerprintOf(key),
  ]);
  return id;
}

/** A proof that a front was pruned must be today's: whoever stole the key of before could prove any pruning with it. */
async function proveAnew(tx: SqlRunner, key: Buffer, known: readonly Buffer[]): Promise<void> {
  const organizations = await tx.query<{ id: string }>({ text: "select id from organizations order by id" });
  for (const { id: organizationId } of organizations) {
    const through = ((await firstSealNumber(tx, organizationId)) ?? 1) - 1;
    if (through === 0) continue;
    for (const one of known) {
      const pruned = await findPruning(tx, one, organizationId, through);
      if (pruned === undefined) continue;
      const { organizationId: _own, ...facts } = pruned;
      const proof = proofOfPruning(key, pruned);
      await appendAudit(tx, organizationId, [
        { what: "audit_pruned", by: "key_change", rule: "proved_with_the_new_key", ...facts, proof },
      ]);
      break;
    }
  }
}

function opened(box: SecretBox, row: KeyRow): Buffer | undefined {
  try {
    const { key = "" } = box.open(placeOf(row.id), row.sealed);
    return Buffer.from(key, "base64");
  } catch {
    return undefined;
  }
}

function fingerprintOf(key: Buffer): string {
  return createHmac("sha256", key).update("parley audit key").digest("hex").slice(0, 16);
}
