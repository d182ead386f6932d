import { type AuditPruning, proofOfPruning } from "./audit-digests.ts";
import { appendAudit } from "./audit-log.ts";
import { sealsAfter } from "./audit-records.ts";
import type { Database } from "./connection/database.ts";

/** Whole seals that one transaction removes at most, with their records. */
const SEALS_PER_STEP = 50;

/**
 * Removes the oldest seals of an organization with the records that they cover, once they are `days` old, and says in the log what was
 * removed: verifying begins behind it. The newest seal always stays. Returns how many seals went; call again while there are some.
 */
export async function pruneAudit(
  database: Database,
  key: Buffer,
  organizationId: string,
  days: number,
): Promise<number> {
  return await database.transaction(async (tx) => {
    // The sealer's own lock: nothing is sealed meanwhile, and nobody else prunes.
    await tx.query({ text: "select pg_advisory_xact_lock(hashtextextended('parley audit ' || $1, 0))" }, [
      organizationId,
    ]);
    const [old] = await tx.query<{ number: number | null }>(
      {
        text: `select max(number) as number from (
          select number, at from audit_seals s where organization_id = $1
            and number < (select max(number) from audit_seals n where n.organization_id = $1) order by number limit $3) oldest
          where at < now() - $2::double precision * interval '1 day'`,
      },
      [organizationId, days, SEALS_PER_STEP],
    );
    const through = old?.number ?? undefined;
    if (through === undefined) return 0;
    const [last] = await sealsAfter(tx, organizationId, through - 1, 1);
    if (last === undefined) return 0;
    const pruned: AuditPruning = {
      organizationId,
      through,
      seal: last.seal,
      lastXact: last.lastXact,
      lastId: last.lastId,
    };
    await tx.query({ text: "select set_config('parley.audit_pruning', 'on', true)" });
    await tx.query(
      { text: "delete from audit_log where organization_id = $1 and (xact, id) <= ($2::xid8, $3::bigint)" },
      [organizationId, last.lastXact, last.lastId],
    );
    const gone = await tx.query(
      { text: "delete from audit_seals where organization_id = $1 and number <= $2 returning 1" },
      [organizationId, through],
    );
    await tx.query({ text: "select set_config('parley.audit_pruning', 'off', true)" });
    const { organizationId: _own, ...facts } = pruned;
    await appendAudit(tx, organizationId, [
      {
        what: "audit_pruned",
        by: "retention",
        rule: "older_than_days",
        days,
        ...facts,
        proof: proofOfPruning(key, pruned),
      },
    ]);
    return gone.length;
  });
}
