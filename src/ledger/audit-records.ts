import { type AuditRecord, type AuditSeal, exactTime } from "./audit-digests.ts";
import type { SqlRunner } from "./connection/database.ts";

/** A place in the order of an organization's records. */
export interface AuditPlace {
  readonly xact: string;
  readonly id: number;
}

export const BEFORE_ALL: AuditPlace = { xact: "0", id: 0 };

const RECORD = `organization_id as "organizationId", xact::text as xact, id, ${exactTime("at")} as at, entries`;
const SEAL = `organization_id as "organizationId", number, ${exactTime("at")} as at, last_xact::text as "lastXact", last_id as "lastId", digests, previous, seal`;

/** The next records after a place that are complete: older than every transaction that is still open, so that none can come between them. */
export function completeRecords(
  sql: SqlRunner,
  organizationId: string,
  after: AuditPlace,
  limit: number,
): Promise<AuditRecord[]> {
  return sql.query<AuditRecord>(
    {
      name: "audit_complete_records",
      text: `select ${RECORD} from audit_log where organization_id = $1 and (xact, id) > ($2::xid8, $3::bigint) and xact < pg_snapshot_xmin(pg_current_snapshot())
        order by xact, id limit $4`,
    },
    [organizationId, after.xact, after.id, limit],
  );
}

/** The records after one place up to and with another, in order, at most `limit`. */
export function recordsBetween(
  sql: SqlRunner,
  organizationId: string,
  after: AuditPlace,
  last: AuditPlace,
  limit: number,
): Promise<AuditRecord[]> {
  return sql.query<AuditRecord>(
    {
      name: "audit_records_between",
      text: `select ${RECORD} from audit_log where organization_id = $1 and (xact, id) > ($2::xid8, $3::bigint) and (xact, id) <= ($4::xid8, $5::bigint)
        order by xact, id limit $6`,
    },
    [organizationId, after.xact, after.id, last.xact, last.id, limit],
  );
}

/** A record that is there whether it is complete or not, with what only the ledger can judge: its age and whether its transaction exists. */
export interface LooseRecord extends AuditRecord {
  readonly ageSeconds: number;
  /** Its transaction number was not given out yet. */
  readonly ahead: boolean;
}

export function recordsAfter(
  sql: SqlRunner,
  organizationId: string,
  after: AuditPlace,
  limit: number,
): Promise<LooseRecord[]> {
  return sql.query<LooseRecord>(
    {
      text: `select ${RECORD}, extract(epoch from clock_timestamp() - at)::float8 as "ageSeconds", xact >= pg_snapshot_xmax(pg_current_snapshot()) as ahead
        from audit_log where organization_id = $1 and (xact, id) > ($2::xid8, $3::bigint) order by xact, id limit $4`,
    },
    [organizationId, after.xact, after.id, limit],
  );
}

export function sealsAfter(
  sql: SqlRunner,
  organizationId: string,
  number: number,
  limit: number,
): Promise<AuditSeal[]> {
  return sql.query<AuditSeal>(
    {
      name: "audit_seals_after",
      text: `select ${SEAL} from audit_seals where organization_id = $1 and number > $2 order by number limit $3`,
    },
    [organizationId, number, limit],
  );
}

export async function newestSeal(sql: SqlRunner, organizationId: string): Promise<AuditSeal | undefined> {
  const [seal] = await sql.query<AuditSeal>(
    {
      name: "audit_newest_seal",
      text: `select ${SEAL} from audit_seals where organization_id = $1 order by number desc limit 1`,
    },
    [organizationId],
  );
  return seal;
}

/** What one seal is, by its number; undefined when it is not there. */
export async function sealNumbered(
  sql: SqlRunner,
  organizationId: string,
  number: number,
): Promise<string | undefined> {
  const [row] = await sql.query<{ seal: string }>(
    { name: "audit_seal_numbered", text: "select seal from audit_seals where organization_id = $1 and number = $2" },
    [organizationId, number],
  );
  return row?.seal;
}

/** The number of the oldest seal that is there. */
export async function firstSealNumber(sql: SqlRunner, organizationId: string): Promise<number | undefined> {
  const [row] = await sql.query<{ number: number | null }>(
    { name: "audit_first_seal", text: "select min(number) as number from audit_seals where organization_id = $1" },
    [organizationId],
  );
  return row?.number ?? undefined;
}
