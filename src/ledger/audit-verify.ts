import type { AuditVerification } from "../contracts/audit.ts";
import {
  type AuditPruning,
  type AuditRecord,
  type AuditSeal,
  digestOfRecord,
  digestOfSeal,
  proofOfPruning,
  sameDigest,
} from "./audit-digests.ts";
import type { AuditAnchor } from "./audit-head-file.ts";
import { type AuditPlace, BEFORE_ALL, recordsAfter, recordsBetween, sealsAfter } from "./audit-records.ts";
import { createAuditReport } from "./audit-report.ts";
import type { SqlRunner } from "./connection/database.ts";

const SEALS_PER_PAGE = 50;
const RECORDS_PER_PAGE = 5_000;
/** Seals are made every second; what stands unsealed for longer was not there when they were made, or nothing seals. */
const UNSEALED_GRACE_SECONDS = 60;
/** Clocks may be set back by so much; a record that is older than those before it by more was not written in its place. */
const CLOCK_TOLERANCE_MS = 600_000;

export interface VerifyOptions {
  /** Seals now, and is the only one whose proof of a pruning counts. */
  readonly key: Buffer;
  /** Those that sealed before it, oldest first. A seal by one of them counts until the first by a later one. Default: none. */
  readonly earlierKeys?: readonly Buffer[];
  readonly organizationId: string;
  /** Seals that were seen before and where; what the log had reached then it must still have. */
  readonly anchors: readonly (AuditAnchor & { readonly source: string })[];
}

/**
 * Recomputes every digest and seal of an organization's audit log, page by page, and names each record and seal that was changed, removed,
 * added, moved, or is missing.
 */
export async function verifyAudit(sql: SqlRunner, options: VerifyOptions): Promise<AuditVerification> {
  const { key, organizationId } = options;
  const keys = [...(options.earlierKeys ?? []), key];
  /** Which of the keys sealed last; none before it seals again. */
  let epoch = 0;
  const report = createAuditReport(organizationId);
  const numbers = new Map(options.anchors.map((anchor) => [anchor.number, undefined as string | undefined]));
  let newest: AuditSeal | undefined;
  let first: AuditSeal | undefined;
  let lastValidAt = 0;
  /** Up to here the records were compared. */
  let done: AuditPlace = BEFORE_ALL;
  /** Sound seals since then. */
  let open: SealedBy[] = [];
  /** A seal since then is missing or not sound, so that records may be its own. */
  let doubtful = false;
  /** What the seals that are not sound say of records: a digest that fits still proves its record. */
  let vouched = new Map<string, string>();

  async function compare(last: AuditPlace): Promise<void> {
    const expected = new Map<string, { digest: string; seal: number; by: Buffer }>();
    for (const { seal, by } of open)
      for (const [id, digest] of digestsOf(seal)) expected.set(id, { digest, seal: seal.number, by });
    const strange: AuditRecord[] = [];
    await eachRecord(done, last, (record) => {
      report.countRecord();
      const wanted = expected.get(String(record.id));
      if (wanted !== undefined && sameDigest(wanted.digest, digestOfRecord(wanted.by, record))) {
        expected.delete(String(record.id));
        lastValidAt = Math.max(lastValidAt, Date.parse(record.at));
      } else if (!isVouchedFor(record)) strange.push(record);
    });
    for (const record of strange) {
      const wanted = expected.get(String(record.id));
      if (wanted !== undefined) {
        report.record("changed", record.id, `is not what seal ${wanted.seal} covers`);
        expected.delete(String(record.id));
      } else if (doubtful) report.doubt(record.id);
      else report.record("added", record.id, "stands where the seals know of none");
    }
    for (const [id, { seal }] of expected) report.record("missing", Number(id), `was covered by seal ${seal}`);
    done = last;
    open = [];
    doubtful = false;
    vouched = new Map();
  }

  /** What comes next is in doubt; what came before it is not. */
  async function compareOpen(): Promise<void> {
    const end = open.at(-1)?.seal;
    if (end !== undefined) await compare({ xact: end.lastXact, id: end.lastId });
  }

  function isVouchedFor(record: AuditRecord): boolean {
    const known = vouched.get(String(record.id));
    return known !== undefined && keys.some((one) => sameDigest(known, digestOfRecord(one, record)));
  }

  /** The key that made a seal; undefined when none did that may have. */
  function madeBy(seal: AuditSeal): Buffer | undefined {
    const at = keys.findIndex((one, index) => index >= epoch && isSound(one, organizationId, seal));
    if (at >= 0) epoch = at;
    return keys[at];
  }

  async function eachRecord(after: AuditPlace, last: AuditPlace, take: (record: AuditRecord) => void): Promise<void> {
    let place = after;
    for (;;) {
      const page = await recordsBetween(sql, organizationId, place, last, RECORDS_PER_PAGE);
      for (const record of page) take(record);
      const end = page.at(-1);
      if (end === undefined || page.length < RECORDS_PER_PAGE) return;
      place = { xact: end.xact, id: end.id };
    }
  }

  async function begin(seal: AuditSeal): Promise<void> {
    first = seal;
    if (seal.number === 1) return;
    const pruned = await findPruning(sql, key, organizationId, seal.number - 1);
    if (pruned !== undefined && pruned.seal === seal.previous) {
      done = { xact: pruned.lastXact, id: pruned.lastId };
      report.prunedThrough(pruned.through);
      return;
    }
    report.missingSeals(1, seal.number - 1, "and no pruning by Parley accounts for it");
    doubtful = true;
  }

  let before: { readonly seal: AuditSeal; readonly sound: boolean } | undefined;
  for (let number = 0; ; ) {
    const page = await sealsAfter(sql, organizationId, number, SEALS_PER_PAGE);
    for (const seal of page) {
      report.countSeal();
      if (numbers.has(seal.number)) numbers.set(seal.number, seal.seal);
      if (before === undefined) await begin(seal);
      else if (seal.number !== before.seal.number + 1) {
        await compareOpen();
        report.missingSeals(before.seal.number + 1, seal.number - 1);
        doubtful = true;
      }
      const by = madeBy(seal);
      if (by === undefined) {
        await compareOpen();
        report.seal("changed", seal.number, "its fields and its digest do not belong together");
        doubtful = true;
        for (const [id, digest] of digestsOf(seal)) vouched.set(id, digest);
      } else {
        if (before?.sound === true && seal.number === before.seal.number + 1 && seal.previous !== before.seal.seal)
          report.seal(
            "moved",
            seal.number,
            `does not continue seal ${before.seal.number}: the log was cut back there and went on`,
          );
        if (before === undefined && seal.number === 1 && seal.previous !== "")
          report.seal("moved", 1, "names a seal before it");
        open.push({ seal, by });
        const place = { xact: seal.lastXact, id: seal.lastId };
        if (open.length >= SEALS_PER_PAGE || doubtful) await compare(place);
        newest = seal;
      }
      before = { seal, sound: by !== undefined };
    }
    const last = page.at(-1);
    if (last === undefined || page.length < SEALS_PER_PAGE) break;
    number = last.number;
  }
  await compareOpen();
  await tail();
  if (newest !== undefined) report.newest(newest);
  for (const anchor of options.anchors) compareAnchor(anchor);
  return report.result();

  async function tail(): Promise<void> {
    for (;;) {
      const page = await recordsAfter(sql, organizationId, done, RECORDS_PER_PAGE);
      for (const record of page) {
        report.countUnsealed();
        if (doubtful) {
          if (!isVouchedFor(record)) report.doubt(record.id);
        } else if (record.ahead)
          report.record("added", record.id, "names a transaction that this ledger has not come to");
        else if (Date.parse(record.at) < lastValidAt - CLOCK_TOLERANCE_MS)
          report.record("added", record.id, "stands after the last seal and is dated long before it");
        else if (record.ageSeconds > UNSEALED_GRACE_SECONDS)
          report.record("added", record.id, "is covered by no seal, though it is older than a minute");
        else if (!isList(record.entries)) report.record("changed", record.id, "holds no list of entries");
      }
      const last = page.at(-1);
      if (last === undefined || page.length < RECORDS_PER_PAGE) return;
      done = { xact: last.xact, id: last.id };
    }
  }

  function compareAnchor(anchor: AuditAnchor & { readonly source: string }): void {
    const now = numbers.get(anchor.number);
    if (now !== undefined) {
      report.anchored(anchor);
      if (now !== anchor.seal) report.seal("changed", anchor.number, `is another one than ${anchor.source} names`);
      return;
    }
    const last = newest?.number ?? 0;
    if (anchor.number > last)
      report.missingSeals(last + 1, anchor.number, `and ${anchor.source} names the last of them`);
    else if (first !== undefined && anchor.number < first.number) report.anchoredBeforePruning(anchor);
    else report.seal("missing", anchor.number, `and ${anchor.source} names it`);
  }
}

/** A sound seal and the key that made it. */
interface SealedBy {
  readonly seal: AuditSeal;
  readonly by: Buffer;
}

function isSound(key: Buffer, organizationId: string, seal: AuditSeal): boolean {
  if (!Array.isArray(seal.digests) || !seal.digests.every((line) => typeof line === "string")) return false;
  return sameDigest(seal.seal, digestOfSeal(key, { ...seal, organizationId }));
}

function digestsOf(seal: AuditSeal): [id: string, digest: string][] {
  if (!Array.isArray(seal.digests)) return [];
  return seal.digests.map((line) => {
    const [id = "", digest = ""] = String(line).split(":");
    return [id, digest];
  });
}

/** The pruning that ended with this seal, if one with a proof is in the log. */
export async function findPruning(
  sql: SqlRunner,
  key: Buffer,
  organizationId: string,
  through: number,
): Promise<AuditPruning | undefined> {
  const rows = await sql.query<{ entries: string }>(
    {
      text: `select entries from audit_log where organization_id = $1 and entries like '%"audit_pruned"%' order by xact desc, id desc`,
    },
    [organizationId],
  );
  for (const { entries } of rows)
    for (const entry of list(entries)) {
      const { what, seal, lastXact, lastId, proof } = entry;
      if (what !== "audit_pruned" || entry["through"] !== through) continue;
      if (typeof seal !== "string" || typeof lastXact !== "string" || typeof lastId !== "number") continue;
      const pruned = { organizationId, through, seal, lastXact, lastId };
      if (typeof proof === "string" && sameDigest(proof, proofOfPruning(key, pruned))) return pruned;
    }
  return undefined;
}

function list(entries: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(entries);
    return Array.isArray(value) ? value.filter((item) => typeof item === "object" && item !== null) : [];
  } catch {
    return [];
  }
}

function isList(entries: string): boolean {
  try {
    return Array.isArray(JSON.parse(entries));
  } catch {
    return false;
  }
}
