import { rmSync } from "node:fs";
import { onTestFinished, vi } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createDoorbell, type DoorbellOptions } from "../../../src/queue/create-doorbell.ts";
import type { Doorbell } from "../../../src/queue/queue-port.ts";
import { embeddedDataFolder } from "../../support/embedded/data-folder.ts";
import { createTestDatabase, sharedRedis } from "../../support/servers/shared-servers.ts";
import { NO_DATABASE } from "./no-database.ts";
import { RecordingLogger } from "./recording-logger.ts";

export const STORES = ["pglite", "postgres", "redis"] as const;
export type Store = (typeof STORES)[number];

export interface Bell {
  readonly doorbell: Doorbell;
  readonly logger: RecordingLogger;
}

/** Where the doorbells of a test keep their bells, empty and its own. */
export async function storeOptions(store: Store): Promise<Omit<DoorbellOptions, "logger">> {
  if (store === "redis") {
    const { url, prefix } = sharedRedis();
    return { database: NO_DATABASE, redisUrl: url, prefix };
  }
  return { database: await openStore(store) };
}

async function openStore(store: "pglite" | "postgres"): Promise<Database> {
  if (store === "postgres") {
    const database = await openDatabase({ dataFolder: "unused", databaseUrl: await createTestDatabase() });
    onTestFinished(() => database.close());
    return database;
  }
  const dataFolder = await embeddedDataFolder();
  const database = await openDatabase({ dataFolder });
  onTestFinished(async () => {
    await database.close();
    rmSync(dataFolder, { recursive: true, force: true });
  });
  return database;
}

/** A doorbell that is closed at the end of the test; every bell goes through BullMQ unless the options say otherwise. */
export async function makeDoorbell(options: Omit<DoorbellOptions, "logger">): Promise<Bell> {
  const logger = new RecordingLogger();
  const doorbell = await createDoorbell({ localFirst: false, ...options, logger });
  onTestFinished(() => doorbell.close({ drainMs: 1_000 }));
  return { doorbell, logger };
}

/** A started doorbell whose worker notes what it hears. */
export async function hearingDoorbell(
  options: Omit<DoorbellOptions, "logger">,
  handler: (ids: readonly string[]) => Promise<void> = async () => {},
): Promise<Bell & { heard: (readonly string[])[] }> {
  const heard: (readonly string[])[] = [];
  const bell = await makeDoorbell(options);
  bell.doorbell.onBell(async (ids) => {
    heard.push(ids);
    await handler(ids);
  });
  await bell.doorbell.start({ worker: true });
  return { ...bell, heard };
}

/** Waits until the condition holds, without a fixed sleep. */
export async function until(condition: () => unknown, timeoutMs = 15_000): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await condition())) throw new Error("not yet");
    },
    { timeout: timeoutMs, interval: 20 },
  );
}
