import type { AuditFinding } from "../../../src/contracts/audit.ts";
import { verifyAudit } from "../../../src/ledger/audit-verify.ts";
import type { SqlRunner } from "../../../src/ledger/connection/database.ts";
import type { RealLog } from "./real-log.ts";
import { type Change, type LogCopy, readCopy, TAMPERINGS } from "./tamperings.ts";

export interface Trial {
  readonly kind: string;
  readonly description: string;
  readonly found: boolean;
  /** Every record and seal that was touched is in the findings. */
  readonly named: boolean;
  readonly findings: readonly AuditFinding[];
}

/** Rolls the copy back; nothing of a trial stays. */
class Undo extends Error {}

/**
 * Changes a log `trials` times, each time as it was written, by a superuser with the triggers off, and verifies it after each.
 *
 * Each change is made in a transaction of its own that is rolled back: a copy of the whole log that costs nothing.
 */
export async function tamper(
  log: RealLog,
  options: { readonly trials: number; readonly seed: number },
): Promise<Trial[]> {
  const next = randomNumbers(options.seed);
  const pick = (below: number): number => Math.floor(next() * below);
  const copy = await readCopy(log.database, log.organizations);
  const results: Trial[] = [];
  for (let trial = 0; trial < options.trials; trial += 1) {
    const tampering = TAMPERINGS[trial % TAMPERINGS.length];
    if (tampering === undefined) break;
    results.push(await tryOne(log, copy, tampering.kind, (tx) => tampering.change(tx, copy, pick)));
  }
  return results;
}

async function tryOne(
  log: RealLog,
  copy: LogCopy,
  kind: string,
  make: (tx: SqlRunner) => Promise<Change>,
): Promise<Trial> {
  let trial: Trial | undefined;
  await log.database
    .transaction(async (tx) => {
      await tx.query({ text: "set local session_replication_role = replica" });
      const change = await make(tx);
      if (await isUnchanged(tx, copy)) throw new Error(`${kind} changed nothing: ${change.description}`);
      const findings = new Map<string, readonly AuditFinding[]>();
      for (const organizationId of log.organizations)
        findings.set(organizationId, await verify(tx, log, organizationId));
      const all = [...findings.values()].flat();
      const named = change.touched.every((item) =>
        (findings.get(item.organizationId) ?? []).some(
          (finding) => finding.what === item.what && item.ids.some((id) => covers(finding, id)),
        ),
      );
      trial = { kind, description: change.description, found: all.length > 0, named, findings: all };
      throw new Undo();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error;
    });
  if (trial === undefined) throw new Error(`${kind} was not tried`);
  return trial;
}

export async function verify(sql: SqlRunner, log: RealLog, organizationId: string): Promise<readonly AuditFinding[]> {
  const head = log.head(organizationId);
  const anchors = head === undefined ? [] : [{ ...head, source: "audit-head.json" }];
  return (await verifyAudit(sql, { key: log.key, organizationId, anchors })).findings;
}

function covers(finding: AuditFinding, id: number): boolean {
  return id >= finding.id && id <= (finding.through ?? finding.id);
}

/** A change that leaves every field as it was would prove nothing. */
async function isUnchanged(tx: SqlRunner, copy: LogCopy): Promise<boolean> {
  const now = await readCopy(tx, copy.organizations);
  return JSON.stringify(now) === JSON.stringify(copy);
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
