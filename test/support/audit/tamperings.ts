import { createHmac } from "node:crypto";
import type { SqlRunner } from "../../../src/ledger/connection/database.ts";

interface RecordRow {
  readonly organizationId: string;
  readonly xact: string;
  readonly id: number;
  readonly at: string;
  readonly entries: string;
}

interface SealRow {
  readonly organizationId: string;
  readonly number: number;
  readonly at: string;
  readonly lastXact: string;
  readonly lastId: number;
  readonly digests: readonly string[];
  readonly previous: string;
  readonly seal: string;
}

/** Both tables as they were before a change. */
export interface LogCopy {
  readonly organizations: readonly string[];
  readonly records: readonly RecordRow[];
  readonly seals: readonly SealRow[];
}

/** What a change touched: each item must be named, by one of its ids. */
export interface Change {
  readonly description: string;
  readonly touched: readonly {
    readonly organizationId: string;
    readonly what: "record" | "seal";
    readonly ids: readonly number[];
  }[];
}

type Pick = (below: number) => number;

export interface Tampering {
  readonly kind: string;
  change(tx: SqlRunner, copy: LogCopy, pick: Pick): Promise<Change>;
}

export async function readCopy(sql: SqlRunner, organizations: readonly string[]): Promise<LogCopy> {
  const records = await sql.query<RecordRow>({
    text: `select organization_id as "organizationId", xact::text as xact, id, at::text as at, entries from audit_log order by organization_id, audit_log.xact, id`,
  });
  const seals = await sql.query<SealRow>({
    text: `select organization_id as "organizationId", number, at::text as at, last_xact::text as "lastXact", last_id as "lastId", digests, previous, seal
      from audit_seals order by organization_id, number`,
  });
  return { organizations, records, seals };
}

const some = <Item>(items: readonly Item[], pick: Pick): Item => {
  const item = items[pick(items.length)];
  if (item === undefined) throw new Error("there is nothing to change");
  return item;
};

const ofRecord = (row: RecordRow, ...more: number[]) =>
  ({ organizationId: row.organizationId, what: "record", ids: [row.id, ...more] }) as const;
const ofSeal = (row: SealRow, ...more: number[]) =>
  ({ organizationId: row.organizationId, what: "seal", ids: [row.number, ...more] }) as const;

const setRecord = (tx: SqlRunner, row: RecordRow, set: string, values: readonly unknown[] = []) =>
  tx.query({ text: `update audit_log set ${set} where organization_id = $1 and xact = $2::xid8 and id = $3` }, [
    row.organizationId,
    row.xact,
    row.id,
    ...values,
  ]);
const setSeal = (tx: SqlRunner, row: SealRow, set: string, values: readonly unknown[] = []) =>
  tx.query({ text: `update audit_seals set ${set} where organization_id = $1 and number = $2` }, [
    row.organizationId,
    row.number,
    ...values,
  ]);

/** Another printable character in the place of one. */
function flip(text: string, pick: Pick): string {
  const at = pick(text.length);
  const other = String.fromCharCode(33 + ((text.charCodeAt(at) - 33 + 1 + pick(92)) % 94));
  return text.slice(0, at) + other + text.slice(at + 1);
}

/** Two of one organization that differ in what `of` says. */
function pair(copy: LogCopy, pick: Pick, of: (row: RecordRow) => string): readonly [RecordRow, RecordRow] {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const [a, b] = [some(copy.records, pick), some(copy.records, pick)];
    if (a !== b && a.organizationId === b.organizationId && of(a) !== of(b)) return [a, b];
  }
  throw new Error("all records are alike");
}

const insertRecord = (tx: SqlRunner, row: RecordRow) =>
  tx.query(
    {
      text: "insert into audit_log (organization_id, xact, id, at, entries) values ($1, $2::xid8, $3, $4::timestamptz, $5)",
    },
    [row.organizationId, row.xact, row.id, row.at, row.entries],
  );

const newest = (copy: LogCopy, organizationId: string): SealRow => {
  const seal = copy.seals.findLast((row) => row.organizationId === organizationId);
  if (seal === undefined) throw new Error("nothing is sealed");
  return seal;
};

/** Everything that a superuser may do to the log, one at a time. */
export const TAMPERINGS: readonly Tampering[] = [
  {
    kind: "a byte of a record's entries",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      await setRecord(tx, row, "entries = $4", [flip(row.entries, pick)]);
      return { description: `entries of ${row.id}`, touched: [ofRecord(row)] };
    },
  },
  {
    kind: "a byte of a record's time",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      await setRecord(tx, row, "at = at + $4::int * interval '1 microsecond'", [1 + pick(10 ** (1 + pick(9)))]);
      return { description: `at of ${row.id}`, touched: [ofRecord(row)] };
    },
  },
  {
    kind: "a record's transaction",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      const xact = BigInt(row.xact) ^ (1n << BigInt(pick(20)));
      await setRecord(tx, row, "xact = $4::xid8", [String(xact)]);
      return { description: `xact of ${row.id} is ${xact}`, touched: [ofRecord(row)] };
    },
  },
  {
    kind: "a record's id",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      const id = row.id ^ (1 << pick(20));
      await setRecord(tx, row, "id = $4", [id]);
      return { description: `id of ${row.id} is ${id}`, touched: [ofRecord(row)] };
    },
  },
  {
    kind: "a record's organization",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      await setRecord(tx, row, "organization_id = $4", [flip(row.organizationId, pick)]);
      return { description: `organization of ${row.id}`, touched: [ofRecord(row)] };
    },
  },
  {
    kind: "a byte of a seal",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      await setSeal(tx, row, "seal = $3", [flip(row.seal, pick)]);
      return { description: `seal of ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "a byte of the seal before",
    async change(tx, copy, pick) {
      const row = some(
        copy.seals.filter((seal) => seal.previous !== ""),
        pick,
      );
      await setSeal(tx, row, "previous = $3", [flip(row.previous, pick)]);
      return { description: `previous of ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "a byte of a seal's digests",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      const at = pick(row.digests.length);
      const digests = row.digests.map((line, index) => (index === at ? flip(line, pick) : line));
      await setSeal(tx, row, "digests = $3::jsonb", [JSON.stringify(digests)]);
      return { description: `digests of ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "the time of a seal",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      await setSeal(tx, row, "at = at + $3::int * interval '1 microsecond'", [1 + pick(10 ** (1 + pick(9)))]);
      return { description: `at of seal ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "where a seal ends",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      const bit = 1 << pick(20);
      if (pick(2) === 0) await setSeal(tx, row, "last_id = last_id + $3", [bit]);
      else await setSeal(tx, row, "last_xact = $3::xid8", [String(BigInt(row.lastXact) ^ BigInt(bit))]);
      return { description: `end of seal ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "a seal's number",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      await setSeal(tx, row, "number = $3", [row.number + 1_000 + pick(1_000)]);
      return { description: `number of ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "a seal's organization",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      await setSeal(tx, row, "organization_id = $3", [flip(row.organizationId, pick)]);
      return { description: `organization of seal ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "a record deleted",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      await tx.query({ text: "delete from audit_log where organization_id = $1 and id = $2" }, [
        row.organizationId,
        row.id,
      ]);
      return { description: `record ${row.id}`, touched: [ofRecord(row)] };
    },
  },
  {
    kind: "a seal deleted",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      await tx.query({ text: "delete from audit_seals where organization_id = $1 and number = $2" }, [
        row.organizationId,
        row.number,
      ]);
      return { description: `seal ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "the tail deleted",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      const before = copy.seals.findLast(
        (seal) => seal.organizationId === row.organizationId && seal.number < row.number,
      );
      await tx.query({ text: "delete from audit_seals where organization_id = $1 and number >= $2" }, [
        row.organizationId,
        row.number,
      ]);
      await tx.query(
        { text: "delete from audit_log where organization_id = $1 and (xact, id) > ($2::xid8, $3::bigint)" },
        [row.organizationId, before?.lastXact ?? "0", before?.lastId ?? 0],
      );
      return { description: `from seal ${row.number} on`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "the front deleted",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      await tx.query({ text: "delete from audit_seals where organization_id = $1 and number <= $2" }, [
        row.organizationId,
        row.number,
      ]);
      await tx.query(
        { text: "delete from audit_log where organization_id = $1 and (xact, id) <= ($2::xid8, $3::bigint)" },
        [row.organizationId, row.lastXact, row.lastId],
      );
      return { description: `up to seal ${row.number}`, touched: [ofSeal(row)] };
    },
  },
  {
    kind: "a record inserted",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      const id = 1_000_000 + pick(1_000_000);
      await insertRecord(tx, {
        ...row,
        id: pick(2) === 0 ? id : row.id,
        xact: String(BigInt(row.xact) - 1n),
        entries: flip(row.entries, pick),
      });
      return { description: `before ${row.id}`, touched: [ofRecord(row, id)] };
    },
  },
  {
    kind: "an old record again, among the old ones",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      const place = some(
        copy.records.filter((other) => other.organizationId === row.organizationId),
        pick,
      );
      const id = 1_000_000 + pick(1_000_000);
      // Behind the last place it is the next kind of change.
      await insertRecord(tx, { ...row, id, xact: String(BigInt(place.xact) - 1n) });
      return { description: `${row.id} as ${id}`, touched: [{ ...ofRecord(row), ids: [id] }] };
    },
  },
  {
    kind: "an old record again, as the newest",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      const id = 1_000_000 + pick(1_000_000);
      const last = newest(copy, row.organizationId);
      const at = `${new Date(Date.parse(row.at) - 3_600_000).toISOString()}`;
      await insertRecord(tx, { ...row, id, at, xact: last.lastXact });
      return { description: `${row.id} as ${id}`, touched: [{ ...ofRecord(row), ids: [id] }] };
    },
  },
  {
    kind: "a record of a transaction that never was",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      const id = 1_000_000 + pick(1_000_000);
      await insertRecord(tx, {
        ...row,
        id,
        at: new Date().toISOString(),
        xact: String(BigInt(row.xact) + 10_000_000n),
      });
      return { description: `${row.id} as ${id}`, touched: [{ ...ofRecord(row), ids: [id] }] };
    },
  },
  {
    kind: "a record of one organization in another's log",
    async change(tx, copy, pick) {
      const row = some(copy.records, pick);
      const other = copy.records.find((record) => record.organizationId !== row.organizationId);
      if (other === undefined) throw new Error("there is one organization");
      await setRecord(tx, row, "organization_id = $4", [other.organizationId]);
      return { description: `${row.id} to ${other.organizationId}`, touched: [ofRecord(row)] };
    },
  },
  {
    kind: "the words of two records swapped",
    async change(tx, copy, pick) {
      const [a, b] = pair(copy, pick, (row) => row.entries);
      await setRecord(tx, a, "entries = $4", [b.entries]);
      await setRecord(tx, b, "entries = $4", [a.entries]);
      return { description: `${a.id} and ${b.id}`, touched: [ofRecord(a), ofRecord(b)] };
    },
  },
  {
    kind: "the places of two records swapped",
    async change(tx, copy, pick) {
      const [a, b] = pair(copy, pick, (row) => row.entries + row.at);
      await setRecord(tx, a, "entries = $4, at = $5::timestamptz", [b.entries, b.at]);
      await setRecord(tx, b, "entries = $4, at = $5::timestamptz", [a.entries, a.at]);
      return { description: `${a.id} and ${b.id}`, touched: [ofRecord(a), ofRecord(b)] };
    },
  },
  {
    kind: "the times of two records swapped",
    async change(tx, copy, pick) {
      const [a, b] = pair(copy, pick, (row) => row.at);
      await setRecord(tx, a, "at = $4::timestamptz", [b.at]);
      await setRecord(tx, b, "at = $4::timestamptz", [a.at]);
      return { description: `${a.id} and ${b.id}`, touched: [ofRecord(a), ofRecord(b)] };
    },
  },
  {
    kind: "two seals swapped",
    async change(tx, copy, pick) {
      const a = some(copy.seals, pick);
      const b = some(
        copy.seals.filter((seal) => seal.organizationId === a.organizationId && seal.number !== a.number),
        pick,
      );
      await setSeal(tx, a, "number = -1");
      await setSeal(tx, b, "number = $3", [a.number]);
      await setSeal(tx, { ...a, number: -1 }, "number = $3", [b.number]);
      return { description: `${a.number} and ${b.number}`, touched: [ofSeal(a), ofSeal(b)] };
    },
  },
  {
    kind: "a record and its seal written anew with another key",
    async change(tx, copy, pick) {
      const row = some(copy.seals, pick);
      const [first = ""] = row.digests;
      const id = Number(first.split(":")[0]);
      const entries = JSON.stringify([{ what: "admission", rule: "forged" }]);
      await tx.query({ text: "update audit_log set entries = $3 where organization_id = $1 and id = $2" }, [
        row.organizationId,
        id,
        entries,
      ]);
      const forged = createHmac("sha256", "another key").update(entries);
      const digests = [`${id}:${forged.digest("base64url")}`, ...row.digests.slice(1)];
      const seal = createHmac("sha256", "another key").update(JSON.stringify(digests)).digest("hex");
      await setSeal(tx, row, "digests = $3::jsonb, seal = $4", [JSON.stringify(digests), seal]);
      await tx.query({ text: "update audit_seals set previous = $3 where organization_id = $1 and number = $2 + 1" }, [
        row.organizationId,
        row.number,
        seal,
      ]);
      return {
        description: `record ${id}, seal ${row.number}`,
        touched: [ofSeal(row), { organizationId: row.organizationId, what: "record", ids: [id] }],
      };
    },
  },
];
