import { type AuditRecord, type AuditSeal, digestOfRecord } from "./audit-digests.ts";
import { type AuditPlace, BEFORE_ALL, newestSeal, recordsAfter, sealsAfter } from "./audit-records.ts";
import type { SqlRunner } from "./connection/database.ts";

const RECORDS_PER_PAGE = 1_000;
const SEALS_PER_PAGE = 20;

export interface ExportRange {
  readonly since?: Date;
  /** Exclusive. */
  readonly until?: Date;
}

/**
 * Gives an organization's audit log as lines of JSON, in order: each record with its digest and the number of its seal (null while it waits
 * for one), and at the end one line with the newest seal, which is the anchor of all that was given.
 */
export async function* exportAudit(
  sql: SqlRunner,
  key: Buffer,
  organizationId: string,
  range: ExportRange = {},
  earlierKeys: readonly Buffer[] = [],
): AsyncGenerator<string> {
  const keys = [...earlierKeys, key];
  const start = await beginningOf(sql, organizationId, range.since);
  const seals = sealsAfterNumber(sql, organizationId, start.number);
  let seal = (await seals.next()).value;
  let place = start.place;
  let records = 0;
  for (;;) {
    const page = await recordsAfter(sql, organizationId, place, RECORDS_PER_PAGE);
    for (const record of page) {
      while (seal !== undefined && isAfter(record, { xact: seal.lastXact, id: seal.lastId }))
        seal = (await seals.next()).value;
      if (!isWithin(record, range)) continue;
      records += 1;
      yield lineOf(record, seal?.number ?? null, digestWith(keys, record, seal));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < RECORDS_PER_PAGE) break;
    place = { xact: last.xact, id: last.id };
  }
  const newest = await newestSeal(sql, organizationId);
  const newestFacts = newest === undefined ? null : { number: newest.number, seal: newest.seal };
  yield JSON.stringify({ end: true, organizationId, records, newestSeal: newestFacts });
}

/** Where the records from a moment on begin: behind the last seal that was made before it. */
async function beginningOf(
  sql: SqlRunner,
  organizationId: string,
  since: Date | undefined,
): Promise<{ readonly number: number; readonly place: AuditPlace }> {
  const [seal] =
    since === undefined
      ? []
      : await sql.query<{ number: number; xact: string; id: number }>(
          {
            text: `select number, last_xact::text as xact, last_id as id from audit_seals where organization_id = $1 and at < $2
              order by at desc, number desc limit 1`,
          },
          [organizationId, since],
        );
  return seal === undefined ? { number: 0, place: BEFORE_ALL } : { number: seal.number, place: seal };
}

async function* sealsAfterNumber(
  sql: SqlRunner,
  organizationId: string,
  from: number,
): AsyncGenerator<AuditSeal, undefined> {
  for (let number = from; ; ) {
    const page = await sealsAfter(sql, organizationId, number, SEALS_PER_PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < SEALS_PER_PAGE) return undefined;
    number = last.number;
  }
}

function isAfter(record: AuditRecord, place: AuditPlace): boolean {
  const [a, b] = [BigInt(record.xact), BigInt(place.xact)];
  return a > b || (a === b && record.id > place.id);
}

function isWithin(record: AuditRecord, { since, until }: ExportRange): boolean {
  const at = Date.parse(record.at);
  return (since === undefined || at >= since.getTime()) && (until === undefined || at < until.getTime());
}

/** The digest that its seal covers, where some key makes that of what the record is now; else that of the key of now. */
function digestWith(keys: readonly Buffer[], record: AuditRecord, seal: AuditSeal | undefined): string {
  const digests = keys.map((key) => digestOfRecord(key, record)).toReversed();
  const covered = new Set(seal?.digests);
  return digests.find((digest) => covered.has(`${record.id}:${digest}`)) ?? digests[0] ?? "";
}

/** The entries are given as they are stored, byte for byte; text that is not JSON any more is given as a string. */
function lineOf(record: AuditRecord, seal: number | null, digest: string): string {
  const { entries, ...facts } = record;
  const head = JSON.stringify({
    id: facts.id,
    xact: facts.xact,
    at: facts.at,
    organizationId: facts.organizationId,
    seal,
    digest,
  });
  const isJson = isSingleLine(entries) && parses(entries);
  return `${head.slice(0, -1)},"${isJson ? "entries" : "entriesText"}":${isJson ? entries : JSON.stringify(entries)}}`;
}

function isSingleLine(text: string): boolean {
  return !/[\r\n]/.test(text);
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
