/** A process that hears one bell of the store in its arguments, says so, and never finishes with it. */
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createDoorbell } from "../../../src/queue/create-doorbell.ts";
import { NO_DATABASE } from "./no-database.ts";
import { RecordingLogger } from "./recording-logger.ts";

const [kind, url = "", prefix = ""] = process.argv.slice(2);
const logger = new RecordingLogger();
const doorbell = await createDoorbell(
  kind === "redis"
    ? { database: NO_DATABASE, redisUrl: url, prefix, logger }
    : { database: await openDatabase({ databaseUrl: url, dataFolder: "unused" }), prefix, logger },
);
doorbell.onBell(async (ids) => {
  process.stdout.write(`${ids.join(",")}\n`);
  await new Promise(() => undefined);
});
await doorbell.start({ worker: true });
