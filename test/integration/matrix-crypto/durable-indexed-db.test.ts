import { IDBKeyRange } from "fake-indexeddb";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { DeviceRows } from "../../../adapters/matrix/crypto/device-rows.ts";
import { DurableIndexedDb } from "../../../adapters/matrix/crypto/durable-indexed-db.ts";
import { withIndexedDb } from "../../../adapters/matrix/crypto/lent-indexed-db.ts";
import type { AdapterLease, AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import { openLedger } from "./ledger.ts";

const STORES = ["plain", "indexed"];
let state: AdapterStateStore;
let lease: AdapterLease;
let next = 0;

beforeAll(async () => {
  state = (await openLedger("i"))("one");
  const taken = await state.lease("i", "device");
  if (taken === undefined) throw new Error("no lease");
  lease = taken;
});

function newRows(over: Partial<AdapterStateStore> = {}): DeviceRows {
  next += 1;
  return new DeviceRows({ ...state, ...over }, "i", lease, `${next}/`);
}

const noFailure = (error: unknown): never => {
  throw error;
};

function opened(factory: IDBFactory, version = 1): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open("keys", version);
    request.onupgradeneeded = () => {
      const { result } = request;
      for (const name of STORES)
        if (!result.objectStoreNames.contains(name)) {
          const store = result.createObjectStore(name);
          if (name === "indexed") store.createIndex("by colour", "colour");
        }
      if (version > 1) request.transaction?.objectStore("plain").put({ from: "the upgrade" }, "upgraded");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Runs the work in one transaction; true when it completed, false when it was aborted. */
function transact(database: IDBDatabase, work: (transaction: IDBTransaction) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const transaction = database.transaction(STORES, "readwrite");
    transaction.oncomplete = () => resolve(true);
    transaction.onabort = () => resolve(false);
    work(transaction);
  });
}

function answer<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function dump(database: IDBDatabase): Promise<unknown> {
  const open = database.transaction(STORES);
  const [plain, indexed] = [open.objectStore("plain"), open.objectStore("indexed")];
  return await Promise.all([
    answer(plain.getAllKeys()),
    answer(plain.getAll()),
    answer(indexed.getAllKeys()),
    answer(indexed.getAll()),
    answer(indexed.index("by colour").getAllKeys()),
  ]);
}

async function restored(rows: DeviceRows, version?: number): Promise<IDBDatabase> {
  return opened(await DurableIndexedDb.restore(rows, noFailure), version);
}

const key = fc.constantFrom<IDBValidKey>(
  0,
  1,
  2,
  "0",
  "a",
  "b",
  "☃",
  [1, "a"],
  ["1", "a"],
  new Uint8Array([0, 255]).buffer,
);
const value = fc.record({
  colour: fc.constantFrom("red", "green"),
  bytes: fc.uint8Array({ maxLength: 8 }),
  text: fc.string(),
});
interface Operation {
  readonly store: string;
  readonly what: string;
  readonly key: IDBValidKey;
  readonly value: object;
}
const operation: fc.Arbitrary<Operation> = fc.record({
  store: fc.constantFrom(...STORES),
  what: fc.constantFrom("put", "put", "put", "add", "delete", "range", "clear", "cursor update", "cursor delete"),
  key,
  value,
});
const transaction = fc.record({ operations: fc.array(operation, { maxLength: 6 }), abort: fc.boolean() });

function perform(open: IDBTransaction, { store: name, what, key: at, value: content }: Operation): void {
  const store = open.objectStore(name);
  // A key that is there already ends the transaction, as anywhere.
  if (what === "put") store.put(content, at);
  else if (what === "add") store.add(content, at);
  else if (what === "delete") store.delete(at);
  else if (what === "range") store.delete(IDBKeyRange.lowerBound(at));
  else if (what === "clear") store.clear();
  else {
    const request = store.openCursor();
    request.onsuccess = () => {
      if (what === "cursor update") request.result?.update({ ...content, colour: "blue" });
      else request.result?.delete();
    };
  }
}

describe("the crypto store in the ledger", () => {
  test("holds after each transaction what the store holds, whatever was done, and nothing of what was aborted", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { maxLength: 5 }), async (transactions) => {
        const rows = newRows();
        const database = await restored(rows);
        for (const { operations, abort } of transactions) {
          await transact(database, (open) => {
            for (const one of operations) perform(open, one);
            if (abort) open.abort();
          });
          expect(await dump(await restored(rows))).toEqual(await dump(database));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("says complete only when the rows are committed, and lets later transactions wait", async () => {
    const held = Promise.withResolvers<void>();
    let holding = false;
    const rows = newRows({
      write: async (...change) => {
        if (holding) await held.promise;
        await state.write(...change);
      },
    });
    const database = await restored(rows);
    holding = true;
    const order: string[] = [];
    const first = transact(database, (open) => open.objectStore("plain").put(1, "a")).then(() => order.push("first"));
    const second = transact(database, (open) => open.objectStore("plain").put(2, "b")).then(() => order.push("second"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(order).toEqual([]);
    held.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(["first", "second"]);
  });

  test("never completes what cannot be written, and says so once", async () => {
    let refuse = false;
    const rows = newRows({
      write: (...change) => (refuse ? Promise.reject(new Error("the disk is full")) : state.write(...change)),
    });
    const failures: unknown[] = [];
    const database = await opened(await DurableIndexedDb.restore(rows, (error) => failures.push(error)));
    await transact(database, (open) => open.objectStore("plain").put("kept", "a"));
    refuse = true;
    const ends = [1, 2].map((n) => transact(database, (open) => open.objectStore("plain").put(n, `lost ${n}`)));
    const none = new Promise<string>((resolve) => setTimeout(() => resolve("nothing"), 100));
    expect(await Promise.race([...ends, none])).toBe("nothing");
    expect(failures.map(String)).toEqual(["Error: the disk is full"]);
    refuse = false;
    expect(await dump(await restored(rows))).toEqual([["a"], ["kept"], [], [], []]);
  });

  test("keeps what an upgrade made and drops what it removed", async () => {
    const rows = newRows();
    const database = await restored(rows);
    await transact(database, (open) => open.objectStore("indexed").put({ colour: "red" }, 1));
    database.close();
    const upgraded = await restored(rows, 2);
    expect(upgraded.version).toBe(2);
    expect(await dump(await restored(rows, 2))).toEqual(await dump(upgraded));
    expect(await dump(upgraded)).toEqual([["upgraded"], [{ from: "the upgrade" }], [1], [{ colour: "red" }], [1]]);
  });

  test("is lent to one opening at a time and taken away again", async () => {
    const [one, two] = await Promise.all(
      [newRows(), newRows()].map((rows) => DurableIndexedDb.restore(rows, noFailure)),
    );
    const seen: unknown[] = [];
    const look = async (): Promise<void> => {
      seen.push(globalThis.indexedDB);
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen.push(globalThis.indexedDB);
    };
    if (one === undefined || two === undefined) throw new Error("no factories");
    await Promise.all([
      withIndexedDb(one, look),
      withIndexedDb(two, () => look().then(() => Promise.reject(new Error("no")))).catch(() => undefined),
    ]);
    expect(seen[0] === one && seen[1] === one && seen[2] === two && seen[3] === two).toBe(true);
    expect("indexedDB" in globalThis).toBe(false);
    expect(Object.keys(globalThis).filter((name) => name.startsWith("IDB"))).toEqual([]);
  });
});
