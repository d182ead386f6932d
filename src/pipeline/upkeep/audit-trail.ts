import type { AuditOperations } from "../../contracts/audit.ts";
import type { Logger } from "../../contracts/logger.ts";
import { openAuditHeadFile } from "../../ledger/audit-head-file.ts";
import type { AuditKeys } from "../../ledger/audit-keys.ts";
import { createAuditSealer } from "../../ledger/audit-loop.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { createAuditOperations } from "../operations/audit-operations.ts";

export interface AuditTrailOptions {
  readonly database: Database;
  /** Key the digests; without them nobody can make a record or a seal that verifies. */
  readonly keys: AuditKeys;
  /** Where `audit-head.json` is kept. */
  readonly dataFolder: string;
  readonly retention: { readonly auditDays: number; readonly auditDaysOf: Readonly<Record<string, number>> };
  /** What was appended so far, where no other process appends. */
  readonly appended?: () => number;
  readonly logger: Logger;
}

/** The audit log of a process: its sealing, which `start` begins, and what can be asked of it. */
export interface AuditTrail {
  readonly operations: AuditOperations;
  start(): void;
  stop(): Promise<void>;
}

export function createAuditTrail(options: AuditTrailOptions): AuditTrail {
  const { database, keys, dataFolder, retention, logger } = options;
  const headFile = openAuditHeadFile(dataFolder);
  if (headFile.problem !== undefined)
    logger.error({ problem: headFile.problem }, "the head of the audit log is not known");
  const sealer = createAuditSealer({
    database,
    key: keys.current,
    isNewestKey: () => keys.isNewest(),
    headFile,
    logger,
    keepDays: (organizationId) => retention.auditDaysOf[organizationId] ?? retention.auditDays,
    ...(options.appended === undefined ? {} : { appended: options.appended }),
  });
  return {
    operations: createAuditOperations({ database, keys, headFile: () => openAuditHeadFile(dataFolder) }),
    start: () => sealer.start(),
    stop: () => sealer.stop(),
  };
}
