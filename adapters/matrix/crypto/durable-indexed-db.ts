import { IDBFactory } from "fake-indexeddb";
import type { DeviceRows, RowChanges } from "./device-rows.ts";
import {
  readRows,
  recordBytes,
  recordKey,
  type StoredRecord,
  type StoredSchema,
  schemaBytes,
  schemaKey,
} from "./row-codec.ts";

/** What is read of fake-indexeddb beyond the standard: each write of a store passes through these three (6.2.8, lib/ObjectStore). */
interface RawStore {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly autoIncrement: boolean;
  readonly rawIndexes: ReadonlyMap<string, RawIndex>;
  readonly records: { values(range?: unknown): Iterable<RawRecord>; get(key: unknown): RawRecord | undefined };
  storeRecord(record: RawRecord, noOverwrite: boolean, rollbackLog?: unknown): unknown;
  deleteRecord(key: unknown, rollbackLog?: unknown): void;
  clear(rollbackLog?: unknown): void;
}

interface RawRecord {
  readonly key: IDBValidKey;
  readonly value: unknown;
}

interface RawIndex {
  readonly name: string;
  readonly keyPath: string | string[];
  readonly unique: boolean;
  readonly multiEntry: boolean;
}

interface RawTransaction {
  readonly mode: string;
  readonly _rollbackLog: unknown;
  dispatchEvent(event: Event): boolean;
}

interface RawConnection {
  readonly name: string;
  readonly version: number;
  readonly _rawDatabase: { readonly rawObjectStores: ReadonlyMap<string, RawStore> };
  transaction(...request: unknown[]): RawTransaction;
}

/** The keys that a transaction wrote or removed, by store. */
type Touched = Map<RawStore, Map<string, IDBValidKey>>;

/**
 * An IndexedDB whose every transaction is a committed set of rows before it says `complete`.
 *
 * Nothing of fake-indexeddb is patched: the objects of this factory alone are given their own methods. A transaction
 * whose rows cannot be written never completes, and `onFailure` is called; whoever waits for it must be ended by that.
 */
export class DurableIndexedDb extends IDBFactory {
  readonly #rows: DeviceRows;
  readonly #onFailure: (error: unknown) => void;
  readonly #watched = new WeakSet<RawStore>();
  /** By the transaction's rollback log, which each write is handed. */
  readonly #touched = new WeakMap<object, Touched>();
  #tail: Promise<void> = Promise.resolve();
  #failed = false;

  private constructor(rows: DeviceRows, onFailure: (error: unknown) => void) {
    super();
    this.#rows = rows;
    this.#onFailure = onFailure;
  }

  /** Fills a new IndexedDB with what the rows hold. Rejects with LEDGER_UNAVAILABLE. */
  static async restore(rows: DeviceRows, onFailure: (error: unknown) => void): Promise<DurableIndexedDb> {
    const factory = new DurableIndexedDb(rows, onFailure);
    const { schemas, records } = readRows(await rows.read());
    for (const schema of schemas)
      await factory.#fill(
        schema,
        records.filter((record) => record.database === schema.name),
      );
    return factory;
  }

  /** Resolves when everything that completed is written; what comes later is not, and does not complete. */
  async close(): Promise<void> {
    await this.#tail;
    this.#failed = true;
  }

  override open(name: string, version?: number): IDBOpenDBRequest {
    const request = super.open(name, version);
    // Listeners run before the handlers of whoever asked.
    request.addEventListener("upgradeneeded", () => {
      const connection = rawConnection(request.result);
      this.#watchConnection(connection);
      const upgrade = rawTransaction(request.transaction);
      if (upgrade !== undefined) this.#withhold(upgrade, () => this.#everything(connection));
    });
    request.addEventListener("success", () => this.#watchConnection(rawConnection(request.result)));
    return request;
  }

  #watchConnection(connection: RawConnection): void {
    if (Object.hasOwn(connection, "transaction")) return;
    const begin = connection.transaction.bind(connection);
    connection.transaction = (...request) => {
      const transaction = begin(...request);
      if (transaction.mode === "readwrite") {
        for (const store of connection._rawDatabase.rawObjectStores.values()) this.#watchStore(store);
        this.#withhold(transaction, () => this.#changes(connection, transaction));
      }
      return transaction;
    };
  }

  /** Notes what each write of the store touches; a range or all of it is noted before it is gone. */
  #watchStore(store: RawStore): void {
    if (this.#watched.has(store)) return;
    this.#watched.add(store);
    const storeRecord = store.storeRecord.bind(store);
    const deleteRecord = store.deleteRecord.bind(store);
    const clear = store.clear.bind(store);
    store.storeRecord = (record, noOverwrite, log) => {
      const key = storeRecord(record, noOverwrite, log);
      this.#note(store, [record.key], log);
      return key;
    };
    store.deleteRecord = (key, log) => {
      this.#note(store, keysOf(store, key), log);
      deleteRecord(key, log);
    };
    store.clear = (log) => {
      this.#note(store, keysOf(store), log);
      clear(log);
    };
  }

  #note(store: RawStore, keys: readonly IDBValidKey[], log: unknown): void {
    // Without a log it is a rollback, of a transaction that will not complete.
    if (typeof log !== "object" || log === null) return;
    let touched = this.#touched.get(log);
    if (touched === undefined) this.#touched.set(log, (touched = new Map()));
    let ofStore = touched.get(store);
    if (ofStore === undefined) touched.set(store, (ofStore = new Map()));
    for (const key of keys) ofStore.set(recordKey("", store.name, key), key);
  }

  /** Lets a transaction complete only when its rows are committed; transactions commit in the order in which they ended. */
  #withhold(transaction: RawTransaction, collect: () => RowChanges | Promise<RowChanges>): void {
    const dispatch = transaction.dispatchEvent.bind(transaction);
    transaction.dispatchEvent = (event) => {
      if (event.type !== "complete") return dispatch(event);
      // Collected now: the next transaction may start before this one's rows are committed.
      const changes = collect();
      if (changes instanceof Promise) changes.catch(() => undefined); // told by the queue, in its turn
      if (!(changes instanceof Promise) && changes.size === 0) return dispatch(event);
      this.#tail = this.#tail
        .then(async () => {
          if (this.#failed) return;
          await this.#rows.write(await changes);
          dispatch(event);
        })
        .catch((error: unknown) => {
          if (this.#failed) return;
          this.#failed = true;
          this.#onFailure(error);
        });
      return true;
    };
  }

  /** The touched records as they are now: kept or gone. */
  #changes(connection: RawConnection, transaction: RawTransaction): RowChanges {
    const changes = new Map<string, Uint8Array | null>();
    const log = transaction._rollbackLog;
    const touched = typeof log === "object" && log !== null ? this.#touched.get(log) : undefined;
    for (const [store, keys] of touched ?? [])
      for (const key of keys.values()) {
        const record = store.records.get(key);
        changes.set(
          recordKey(connection.name, store.name, key),
          record === undefined
            ? null
            : recordBytes({ database: connection.name, store: store.name, key, value: record.value }),
        );
      }
    return changes;
  }

  /** After an upgrade, whose writes may be anything: the whole database in place of what was stored of it. */
  #everything(connection: RawConnection): Promise<RowChanges> {
    const kept = new Map<string, Uint8Array | null>([
      [schemaKey(connection.name), schemaBytes(schemaOf(connection))],
      ...[...connection._rawDatabase.rawObjectStores.values()].flatMap((store) =>
        [...store.records.values()].map(({ key, value }): [string, Uint8Array] => [
          recordKey(connection.name, store.name, key),
          recordBytes({ database: connection.name, store: store.name, key, value }),
        ]),
      ),
    ]);
    return this.#rows.read().then((stored) => {
      for (const record of readRows(stored).records) {
        const key = recordKey(record.database, record.store, record.key);
        if (record.database === connection.name && !kept.has(key)) kept.set(key, null);
      }
      return kept;
    });
  }

  #fill(schema: StoredSchema, records: readonly StoredRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = super.open(schema.name, schema.version);
      request.onerror = () => reject(request.error);
      request.onupgradeneeded = () => {
        for (const { name, keyPath, autoIncrement, indexes } of schema.stores) {
          const store = request.result.createObjectStore(name, { keyPath, autoIncrement });
          for (const index of indexes)
            store.createIndex(index.name, index.keyPath, { unique: index.unique, multiEntry: index.multiEntry });
        }
        const upgrade = request.transaction;
        for (const { store, key, value } of records) upgrade?.objectStore(store).put(value, key);
      };
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
    });
  }
}

function schemaOf({ name, version, _rawDatabase }: RawConnection): StoredSchema {
  const stores = [..._rawDatabase.rawObjectStores.values()].map((store) => ({
    name: store.name,
    keyPath: store.keyPath,
    autoIncrement: store.autoIncrement,
    indexes: [...store.rawIndexes.values()].map(({ name: index, keyPath, unique, multiEntry }) => ({
      name: index,
      keyPath,
      unique,
      multiEntry,
    })),
  }));
  return { name, version, stores };
}

function keysOf(store: RawStore, range?: unknown): readonly IDBValidKey[] {
  // A single key is a range to nobody: records are looked up by either.
  const single = range !== undefined && !(typeof range === "object" && range !== null && "lower" in range);
  if (single) {
    const record = store.records.get(range);
    return record === undefined ? [] : [record.key];
  }
  return [...store.records.values(range)].map(({ key }) => key);
}

function rawConnection(connection: IDBDatabase): RawConnection {
  return connection as unknown as RawConnection; // fake-indexeddb's own object, whose types show the standard alone
}

function rawTransaction(transaction: IDBTransaction | null): RawTransaction | undefined {
  return (transaction as unknown as RawTransaction | null) ?? undefined; // as above
}
