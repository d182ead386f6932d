import type { SqlRunner } from "./connection/database.ts";

/** A record of the audit log, with the seal that covers it. */
export interface FoundRecord {
  readonly id: number;
  readonly at: Date;
  readonly entries: string;
  /** Null while it waits for one. */
  readonly seal: number | null;
}

/** Moments that are further apart are looked at apart. */
const GAP_MS = 60_000;
/** A transaction may be sealed so much later than it wrote its record. */
const SEALED_WITHIN_MS = 30_000;
const MAX_RECORDS = 200;

/**
 * The records that name any of these ids, from around these moments: the log has no index of what its entries say, but its seals tell where
 * a moment is in it.
 */
export async function recordsAbout(
  sql: SqlRunner,
  organizationId: string,
  ids: readonly string[],
  moments: readonly Date[],
): Promise<FoundRecord[]> {
  const found = new Map<number, FoundRecord>();
  for (const { from, until } of spansOf(moments)) {
    const rows = await sql.query<FoundRecord>(
      {
        name: "audit_records_about",
        text: `with low as materialized (
            select last_xact, last_id from audit_seals where organization_id = $1 and at < $2::timestamptz order by at desc, number desc limit 1
          ), high as materialized (
            select last_xact, last_id from audit_seals where organization_id = $1 and at > $3::timestamptz order by at, number limit 1
          )
          select a.id, a.at, a.entries, (
              select min(s.number) from (select number, last_xact, last_id from audit_seals where organization_id = $1 and at >= a.at order by at, number limit 20) s
              where (s.last_xact, s.last_id) >= (a.xact, a.id)) as seal
          from audit_log a
          where a.organization_id = $1 and (a.xact, a.id) > (coalesce((select last_xact from low), '0'::xid8), coalesce((select last_id from low), 0))
            and (a.xact, a.id) <= (coalesce((select last_xact from high), '9223372036854775807'::xid8), coalesce((select last_id from high), 9223372036854775807))
            and a.entries like any($4::text[])
          order by a.xact, a.id limit ${MAX_RECORDS}`,
      },
      [organizationId, from, until, ids.map((id) => `%"${id.replace(/[\\%_]/g, "\\$&")}"%`)],
    );
    for (const row of rows) found.set(row.id, row);
  }
  return [...found.values()].toSorted((a, b) => a.at.getTime() - b.at.getTime() || a.id - b.id);
}

function spansOf(moments: readonly Date[]): { readonly from: Date; readonly until: Date }[] {
  const spans: { from: number; until: number }[] = [];
  for (const at of moments.map((moment) => moment.getTime()).toSorted((a, b) => a - b)) {
    const last = spans.at(-1);
    if (last !== undefined && at - last.until <= GAP_MS) last.until = at;
    else spans.push({ from: at, until: at });
  }
  return spans.map(({ from, until }) => ({
    from: new Date(from - SEALED_WITHIN_MS),
    until: new Date(until + SEALED_WITHIN_MS),
  }));
}
