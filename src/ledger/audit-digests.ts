import { createHmac, timingSafeEqual } from "node:crypto";

/** One record of the audit log with every field as text, so that no reading of a value can hide a changed one. */
export interface AuditRecord {
  readonly organizationId: string;
  readonly xact: string;
  readonly id: number;
  /** ISO 8601 in UTC with microseconds. */
  readonly at: string;
  readonly entries: string;
}

/** One link of the chain. `digests` holds `<record id>:<digest>` in the order of the records. */
export interface AuditSeal {
  readonly organizationId: string;
  readonly number: number;
  readonly at: string;
  readonly lastXact: string;
  readonly lastId: number;
  readonly digests: readonly string[];
  /** The seal before; empty for the first. */
  readonly previous: string;
  readonly seal: string;
}

/** What was pruned from the front of a log, as its own record says. */
export interface AuditPruning {
  readonly organizationId: string;
  /** Number of the last seal that was removed. */
  readonly through: number;
  readonly seal: string;
  readonly lastXact: string;
  readonly lastId: number;
}

/** SQL of a moment as the digests take it. */
export const exactTime = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Keyed digest of everything in a record. */
export function digestOfRecord(key: Buffer, record: AuditRecord): string {
  return keyed(key, "base64url", [
    "record",
    record.organizationId,
    record.xact,
    String(record.id),
    record.at,
    record.entries,
  ]);
}

/** Keyed digest of everything else in a seal. */
export function digestOfSeal(key: Buffer, seal: Omit<AuditSeal, "seal">): string {
  return keyed(key, "hex", [
    "seal",
    seal.organizationId,
    String(seal.number),
    seal.at,
    seal.lastXact,
    String(seal.lastId),
    JSON.stringify(seal.digests),
    seal.previous,
  ]);
}

/** Proof that Parley itself pruned the front of a log; nobody without the key can make one. */
export function proofOfPruning(key: Buffer, pruned: AuditPruning): string {
  return keyed(key, "hex", [
    "pruned",
    pruned.organizationId,
    String(pruned.through),
    pruned.seal,
    pruned.lastXact,
    String(pruned.lastId),
  ]);
}

export function sameDigest(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** JSON of the list keeps the fields apart whatever is in them. */
function keyed(key: Buffer, encoding: "hex" | "base64url", fields: readonly string[]): string {
  return createHmac("sha256", key).update(JSON.stringify(fields)).digest(encoding);
}
