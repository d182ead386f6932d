import { fastify } from "fastify";
import { createWebAdapter } from "../../../adapters/web/index.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createWebRoomStore } from "../../../src/ledger/web/index.ts";
import { recordingSink } from "./recording-sink.ts";

/**
 * A process of its own that serves the web room on PostgreSQL: `node web-process.ts <databaseUrl> <uploadsFolder> <organization> [hang]`.
 * Says its address on standard output. With `hang`, its pipeline takes events and never answers, as just before a crash.
 */
const [databaseUrl = "", uploadsFolder = "", organizationId = "", mode = ""] = process.argv.slice(2);
const database = await openDatabase({ dataFolder: uploadsFolder, databaseUrl });
const store = createWebRoomStore({ database, uploadsFolder });
const adapter = createWebAdapter({ organizationId }, { store, agents: () => [] });
const server = fastify();
await adapter.mount?.(server);
const url = await server.listen({ host: "127.0.0.1", port: 0 });
const sink = recordingSink();
if (mode === "hang") sink.ingest = () => new Promise(() => undefined);
await adapter.start(sink, new AbortController().signal);
process.stdout.write(`${url}\n`);
