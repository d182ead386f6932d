import type { AuditOperations, AuditVerification } from "../../contracts/audit.ts";
import { exportAudit } from "../../ledger/audit-export.ts";
import { AUDIT_HEAD_FILE, type AuditHeadFile } from "../../ledger/audit-head-file.ts";
import type { AuditKeys } from "../../ledger/audit-keys.ts";
import { sealsAfter } from "../../ledger/audit-records.ts";
import { sealAudit } from "../../ledger/audit-seal.ts";
import { verifyAudit } from "../../ledger/audit-verify.ts";
import type { Database } from "../../ledger/connection/database.ts";

/** Looks that a pruning may disturb before one is believed. */
const ATTEMPTS = 3;

/** Verifying and exporting the audit logs of a deployment. */
export function createAuditOperations(options: {
  readonly database: Database;
  readonly keys: AuditKeys;
  readonly headFile: () => AuditHeadFile;
}): AuditOperations {
  const { database, keys } = options;
  const { current: key, earlier: earlierKeys } = keys;
  const seal = async (organizationId: string): Promise<void> => {
    if (await keys.isNewest()) await sealAudit(database, key, organizationId);
  };
  const firstSeal = async (organizationId: string): Promise<number | undefined> =>
    (await sealsAfter(database, organizationId, 0, 1))[0]?.number;
  return {
    async verify(organizationId, anchor) {
      await seal(organizationId);
      const known = options.headFile().of(organizationId);
      const anchors = [
        ...(known === undefined ? [] : [{ ...known, source: AUDIT_HEAD_FILE }]),
        ...(anchor === undefined ? [] : [{ ...anchor, at: "", source: "the given anchor" }]),
      ];
      let verification: AuditVerification;
      for (let attempt = 1; ; attempt += 1) {
        const before = await firstSeal(organizationId);
        verification = await verifyAudit(database, { key, earlierKeys, organizationId, anchors });
        if (attempt === ATTEMPTS || (await firstSeal(organizationId)) === before) return verification;
      }
    },
    async *exportLines(organizationId, range) {
      await seal(organizationId);
      yield* exportAudit(database, key, organizationId, range, earlierKeys);
    },
  };
}
