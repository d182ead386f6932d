import {
  IDBCursor,
  IDBCursorWithValue,
  IDBDatabase,
  IDBIndex,
  IDBKeyRange,
  IDBObjectStore,
  IDBOpenDBRequest,
  IDBRequest,
  IDBTransaction,
  IDBVersionChangeEvent,
} from "fake-indexeddb";

/** The classes that the wasm module tests its objects against at any time. They hold nothing. */
const CLASSES = {
  IDBCursor,
  IDBCursorWithValue,
  IDBDatabase,
  IDBIndex,
  IDBKeyRange,
  IDBObjectStore,
  IDBOpenDBRequest,
  IDBRequest,
  IDBTransaction,
  IDBVersionChangeEvent,
};

/** One for the process, because `globalThis` is. */
let tail: Promise<unknown> = Promise.resolve();

/**
 * Runs `work` while `globalThis.indexedDB` is this factory, and takes it away again; nobody else runs meanwhile.
 *
 * The wasm module looks there when it opens a store, and only then: what it opened it keeps a handle of.
 */
export function withIndexedDb<Result>(factory: IDBFactory, work: () => Promise<Result>): Promise<Result> {
  const mine = tail.then(async () => {
    for (const [name, value] of Object.entries(CLASSES))
      if (!(name in globalThis))
        Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
    const before = Object.getOwnPropertyDescriptor(globalThis, "indexedDB");
    Object.defineProperty(globalThis, "indexedDB", { value: factory, configurable: true, enumerable: false });
    try {
      return await work();
    } finally {
      if (before === undefined) Reflect.deleteProperty(globalThis, "indexedDB");
      else Object.defineProperty(globalThis, "indexedDB", before);
    }
  });
  tail = mine.catch(() => undefined);
  return mine;
}
