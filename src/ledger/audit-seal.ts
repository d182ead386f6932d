import { type AuditSeal, digestOfRecord, digestOfSeal } from "./audit-digests.ts";
import { BEFORE_ALL, completeRecords, newestSeal } from "./audit-records.ts";
import type { Database, SqlRunner } from "./connection/database.ts";

/** Records that one seal covers at most; more of them make more seals. */
const MAX_RECORDS_PER_SEAL = 2_000;

/** The newest seal of an organization, and whether complete records wait for the next one. */
export interface AuditHead {
  readonly organizationId: string;
  readonly number: number | null;
  readonly seal: string | null;
  readonly waiting: boolean;
  /** The log names transactions that this server has not come to: it was restored from a dump of another one, and nothing new can follow. */
  readonly ahead: boolean;
}

/** One cheap look at all organizations: a probe of two indexes each. */
export function auditHeads(sql: SqlRunner): Promise<AuditHead[]> {
  return sql.query<AuditHead>({
    name: "audit_heads",
    text: `select o.id as "organizationId", s.number, s.seal,
        exists (select 1 from audit_log a where a.organization_id = o.id and (a.xact, a.id) > (coalesce(s.last_xact, '0'::xid8), coalesce(s.last_id, 0))
          and a.xact < pg_snapshot_xmin(pg_current_snapshot())) as waiting,
        coalesce(s.last_xact >= pg_snapshot_xmax(pg_current_snapshot()), false) as ahead
      from organizations o left join lateral (
        select number, seal, last_xact, last_id from audit_seals s where s.organization_id = o.id order by number desc limit 1) s on true`,
  });
}

/**
 * Appends seals over every complete record that has none. Returns the newest one that it made; undefined when there was nothing new or
 * another process is at it.
 */
export async function sealAudit(
  database: Database,
  key: Buffer,
  organizationId: string,
): Promise<AuditSeal | undefined> {
  let newest: AuditSeal | undefined;
  for (;;) {
    const made = await database.transaction((tx) => sealOnce(tx, key, organizationId));
    if (made === undefined) return newest;
    newest = made;
    if (made.digests.length < MAX_RECORDS_PER_SEAL) return newest;
  }
}

async function sealOnce(tx: SqlRunner, key: Buffer, organizationId: string): Promise<AuditSeal | undefined> {
  const [lock] = await tx.query<{ mine: boolean; now: string }>(
    {
      name: "audit_lock",
      text: `select pg_try_advisory_xact_lock(hashtextextended('parley audit ' || $1, 0)) as mine,
        to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
    },
    [organizationId],
  );
  if (lock?.mine !== true) return undefined;
  // Statements of their own after the lock: they see what its last holder committed.
  const before = await newestSeal(tx, organizationId);
  const after = before === undefined ? BEFORE_ALL : { xact: before.lastXact, id: before.lastId };
  const records = await completeRecords(tx, organizationId, after, MAX_RECORDS_PER_SEAL);
  const last = records.at(-1);
  if (last === undefined) return undefined;
  const open = {
    organizationId,
    number: (before?.number ?? 0) + 1,
    at: lock.now,
    lastXact: last.xact,
    lastId: last.id,
    digests: records.map((record) => `${record.id}:${digestOfRecord(key, record)}`),
    previous: before?.seal ?? "",
  };
  const seal = { ...open, seal: digestOfSeal(key, open) };
  await tx.query(
    {
      name: "append_audit_seal",
      text: `insert into audit_seals (organization_id, number, at, last_xact, last_id, digests, previous, seal)
        values ($1, $2, $3::timestamptz, $4::xid8, $5, $6::jsonb, $7, $8)`,
    },
    [
      organizationId,
      seal.number,
      seal.at,
      seal.lastXact,
      seal.lastId,
      JSON.stringify(seal.digests),
      seal.previous,
      seal.seal,
    ],
  );
  return seal;
}
