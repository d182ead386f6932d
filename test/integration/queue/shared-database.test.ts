import { fileURLToPath } from "node:url";
import { DEFAULT_SCHEMA } from "bullmq";
import { expect, test } from "vitest";
import { QUEUE_SCHEMA } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { openForTest } from "../connection/open-backends.ts";
import { hearingDoorbell, until } from "./doorbells.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));

/** Tables, sequences, types and functions; indexes are never named in a statement. */
const COMMON_NAMES = `
  WITH names AS (
    SELECT relname AS name, relnamespace AS schema FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'S', 'p')
    UNION SELECT typname, typnamespace FROM pg_type WHERE typcategory <> 'A'
    UNION SELECT proname, pronamespace FROM pg_proc
  )
  SELECT name FROM names WHERE schema = 'public'::regnamespace
  INTERSECT SELECT name FROM names WHERE schema = '${QUEUE_SCHEMA}'::regnamespace`;

test.each(["pglite", "postgres"] as const)(
  "ledger and queue live in one database without a common name, on %s",
  async (backend) => {
    expect(QUEUE_SCHEMA).toBe(DEFAULT_SCHEMA);
    const database = await openForTest(backend);
    await migrate(database, MIGRATIONS);
    const { doorbell, heard } = await hearingDoorbell({ database });
    // On PGlite both share one session, so a ledger table called like one of BullMQ's would hide it.
    expect(await database.query({ text: COMMON_NAMES })).toEqual([]);
    await doorbell.ring(["conversation"]);
    await until(() => heard.length === 1);
    expect(heard).toEqual([["conversation"]]);
  },
);
