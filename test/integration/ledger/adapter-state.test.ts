import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { createAdapterStateStore } from "../../../src/ledger/adapter-state.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { createSecretBox } from "../../../src/ledger/secret-box.ts";
import { BACKENDS, type Backend, openForFile } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const quiet = (): void => undefined;
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };
const key = randomBytes(32);
const bytes = (text: string): Uint8Array => Buffer.from(text);

describe.each(BACKENDS)("adapter state on %s", (backend: Backend) => {
  let database: Database;
  const store = (owner: string, secret = key): AdapterStateStore =>
    createAdapterStateStore({ database, box: createSecretBox(secret), owner, logger });

  beforeAll(async () => {
    database = await openForFile(backend);
    await migrate(database, MIGRATIONS);
    await database.query({ text: "insert into organizations (id, name) values ('o', 'o')" });
    for (const id of ["i1", "i2"])
      await database.query(
        {
          text: "insert into installations (id, organization_id, platform, external_id, name) values ($1, 'o', 'p', $1, $1)",
        },
        [id],
      );
  });

  test("gives back what was written, by prefix and installation, and changes all or nothing", async () => {
    const state = store("one");
    await state.write(
      "i1",
      new Map([
        ["a/1", bytes("1")],
        ["a/2", new Uint8Array()],
        ["b", bytes("3")],
      ]),
    );
    await state.write("i2", new Map([["a/1", bytes("other")]]));
    await state.write(
      "i1",
      new Map<string, Uint8Array | null>([
        ["a/1", bytes("changed")],
        ["b", null],
      ]),
    );
    const read = await state.read("i1", "a/");
    expect([...read].map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual([
      ["a/1", "changed"],
      ["a/2", ""],
    ]);
    expect((await state.read("i1", "b")).size).toBe(0);
    await expect(state.write("nowhere", new Map([["a", bytes("x")]]))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(state.write("i1", new Map([["x".repeat(1_025), bytes("x")]]))).rejects.toThrow(/1025 characters/);
  });

  test("holds no plain text, and ciphertext opens only in its own row and with its own key", async () => {
    const state = store("one");
    await state.write(
      "i1",
      new Map([
        ["secret", bytes("the session key")],
        ["other", bytes("-")],
      ]),
    );
    const rows = await database.query<{ value: Buffer }>({ text: "select value from adapter_state" });
    for (const { value } of rows) expect(value.includes("session key")).toBe(false);
    await expect(store("one", randomBytes(32)).read("i1", "secret")).rejects.toMatchObject({
      code: "CREDENTIAL_MISSING",
    });
    await database.query({
      text: "update adapter_state set value = (select value from adapter_state where key = 'secret') where key = 'other'",
    });
    await expect(state.read("i1", "other")).rejects.toMatchObject({ code: "CREDENTIAL_MISSING" });
  });

  test("one holder at a time, and writes under a lost lease change nothing", async () => {
    const first = store("first");
    const lease = await first.lease("i1", "gateway");
    expect(lease).toBeDefined();
    expect(await first.lease("i1", "gateway")).toBeUndefined();
    expect(await first.lease("i2", "gateway")).toBeDefined();
    await first.write("i1", new Map([["position", bytes("1")]]), lease);
    await database.query({
      text: "update adapter_leases set until = now() - interval '1 second' where installation_id = 'i1'",
    });
    const second = store("second");
    const taken = await second.lease("i1", "gateway");
    expect(taken?.epoch).toBe((lease?.epoch ?? 0) + 1);
    await expect(first.write("i1", new Map([["position", bytes("2")]]), lease)).rejects.toMatchObject({
      code: "LEASE_LOST",
    });
    expect(Buffer.from((await first.read("i1", "position")).get("position") ?? []).toString()).toBe("1");
    await taken?.release();
    await taken?.release();
    const again = await first.lease("i1", "gateway");
    expect(again).toBeDefined();
    await again?.release();
  });

  test("what another process holds is left to it, unless there can be no other: the embedded ledger has one", async () => {
    const held = await store("first").lease("i1", "shard");
    const taken = await store("second").lease("i1", "shard");
    expect(taken === undefined).toBe(backend === "postgres");
    await held?.release();
    await taken?.release();
  });

  test("the holder is told when another process took its lease", { timeout: 15_000 }, async () => {
    const lease = await store("first").lease("i2", "device");
    await database.query({
      text: "update adapter_leases set owner = 'second', epoch = epoch + 1 where name = 'device'",
    });
    await new Promise<void>((resolve) => lease?.lost.addEventListener("abort", () => resolve()));
    expect(lease?.lost.reason).toMatchObject({ code: "LEASE_LOST" });
  });
});
