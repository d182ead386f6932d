import { createHash } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import { ParleyError } from "../../../src/errors/parley-error.ts";

/** One record of an object store. */
export interface StoredRecord {
  readonly database: string;
  readonly store: string;
  readonly key: IDBValidKey;
  readonly value: unknown;
}

/** The form of a database, which its records need to be put back. */
export interface StoredSchema {
  readonly name: string;
  readonly version: number;
  readonly stores: readonly StoredStore[];
}

export interface StoredStore {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly autoIncrement: boolean;
  readonly indexes: readonly {
    readonly name: string;
    readonly keyPath: string | string[];
    readonly unique: boolean;
    readonly multiEntry: boolean;
  }[];
}

const SCHEMA = "schema/";
const RECORD = "record/";

/** The row's key: of bounded length, equal for equal keys and for those alone. */
export function recordKey(database: string, store: string, key: IDBValidKey): string {
  return `${RECORD}${digest(JSON.stringify([database, store, plainKey(key)]))}`;
}

export function schemaKey(database: string): string {
  return `${SCHEMA}${digest(database)}`;
}

/** Structured clones, as IndexedDB keeps them: byte arrays stay byte arrays. */
export function recordBytes(record: StoredRecord): Uint8Array {
  return serialize([record.database, record.store, record.key, record.value]);
}

export function schemaBytes(schema: StoredSchema): Uint8Array {
  return serialize(schema);
}

/** Takes rows apart again. Rows of other kinds are left out. */
export function readRows(rows: ReadonlyMap<string, Uint8Array>): {
  readonly schemas: readonly StoredSchema[];
  readonly records: readonly StoredRecord[];
} {
  const schemas: StoredSchema[] = [];
  const records: StoredRecord[] = [];
  for (const [key, bytes] of rows) {
    if (key.startsWith(SCHEMA)) schemas.push(deserialize(bytes) as StoredSchema); // written by schemaBytes, sealed in the ledger since
    if (!key.startsWith(RECORD)) continue;
    const [database, store, recordedKey, value] = deserialize(bytes) as [string, string, IDBValidKey, unknown]; // written by recordBytes
    records.push({ database, store, key: recordedKey, value });
  }
  return { schemas, records };
}

/** A key as JSON that tells kinds apart: the number 1 and the string "1" are two keys. */
function plainKey(key: IDBValidKey): unknown {
  if (typeof key === "string") return ["string", key];
  if (typeof key === "number") return ["number", String(key)];
  if (key instanceof Date) return ["date", key.getTime()];
  if (Array.isArray(key)) return ["list", key.map(plainKey)];
  if (ArrayBuffer.isView(key))
    return ["bytes", Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("base64")];
  if (key instanceof ArrayBuffer) return ["bytes", Buffer.from(key).toString("base64")];
  throw new ParleyError("INVARIANT_BROKEN", { detail: "a record of the crypto store has a key of an unknown kind" });
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
