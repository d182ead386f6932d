import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type FastifyInstance, fastify } from "fastify";
import { onTestFinished } from "vitest";
import {
  createWebAdapter,
  issueSignInLink,
  type WebAdapterConfig,
  type WebRoomAgent,
} from "../../../adapters/web/index.ts";
import { type MeAnswer, RoomsAnswer, type WebRoom } from "../../../adapters/web/protocol.ts";
import type { ChatAdapter, OutboundPost, Target } from "../../../src/contracts/adapter.ts";
import type { WebRole } from "../../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../../src/contracts/web-room-store.ts";
import type { ReplyPart } from "../../../src/envelope/reply.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createWebRoomStore } from "../../../src/ledger/web/index.ts";
import { embeddedDataFolder } from "../embedded/data-folder.ts";
import { createTestDatabase } from "../servers/shared-servers.ts";
import { applyWebSchema } from "./apply-schema.ts";
import { type RecordingSink, recordingSink } from "./recording-sink.ts";
import { WebClient } from "./web-client.ts";

export const BACKENDS = ["pglite", "postgres"] as const;
export const ORGANIZATION = "acme";

export const GUIDE: WebRoomAgent = {
  agentId: "agent-guide",
  handle: "guide",
  name: "Guide",
  color: "#006d40",
  description: "Knows Parley.",
  status: "active",
};

/** One process's share of a web room: its own adapter, HTTP server and connection to the ledger. */
export interface WebProcess {
  readonly adapter: ChatAdapter;
  readonly server: FastifyInstance;
  readonly url: string;
  readonly sink: RecordingSink;
}

export interface TestRoom extends WebProcess {
  readonly store: WebRoomStore;
  readonly database: Database;
  readonly uploadsFolder: string;
  /** Absent on PGlite. */
  readonly databaseUrl?: string;
  /** Starts another process on the same ledger; only PostgreSQL takes more than one. */
  another(options?: { sink?: RecordingSink }): Promise<WebProcess>;
  signIn(name: string, role?: WebRole, url?: string): Promise<SignedIn>;
}

export interface SignedIn {
  readonly client: WebClient;
  readonly me: MeAnswer;
  readonly general: WebRoom;
}

export interface TestRoomOptions {
  readonly backend: (typeof BACKENDS)[number];
  readonly config?: Partial<WebAdapterConfig>;
}

/** A whole web room on real storage and a real server on loopback, gone after the running test. */
export async function startTestRoom({ backend, config = {} }: TestRoomOptions): Promise<TestRoom> {
  const folder = mkdtempSync(path.join(tmpdir(), "parley-web-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const databaseUrl = backend === "postgres" ? await createTestDatabase() : undefined;
  const open = async (): Promise<Database> => {
    const database = await openDatabase(
      databaseUrl === undefined ? { dataFolder: await embedded() } : { dataFolder: folder, databaseUrl },
    );
    onTestFinished(() => database.close());
    return database;
  };
  const database = await open();
  await applyWebSchema(database);
  const uploadsFolder = path.join(folder, "uploads");
  const store = createWebRoomStore({ database, uploadsFolder });
  const first = await startProcess(store, config, recordingSink());
  return {
    ...first,
    store,
    database,
    uploadsFolder,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    another: async (options = {}) => {
      const own = createWebRoomStore({ database: await open(), uploadsFolder });
      return await startProcess(own, config, options.sink ?? recordingSink());
    },
    signIn: async (name, role = "member", url = first.url) => await signIn(store, url, name, role),
  };
}

async function embedded(): Promise<string> {
  const folder = await embeddedDataFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function startProcess(
  store: WebRoomStore,
  config: Partial<WebAdapterConfig>,
  sink: RecordingSink,
): Promise<WebProcess> {
  const adapter = createWebAdapter({ organizationId: ORGANIZATION, ...config }, { store, agents: () => [GUIDE] });
  // A kept-alive connection of a test's client must not hold up the end of the test.
  const server = fastify({ forceCloseConnections: true });
  await adapter.mount?.(server);
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  await adapter.start(sink, new AbortController().signal);
  onTestFinished(async () => {
    await adapter.stop();
    await server.close();
  });
  return { adapter, server, url, sink };
}

async function signIn(store: WebRoomStore, url: string, personName: string, role: WebRole): Promise<SignedIn> {
  const link = await issueSignInLink({ store, baseUrl: url, organizationId: ORGANIZATION, personName, role });
  const client = new WebClient(url);
  const me = await client.signIn(link.url);
  const { rooms } = RoomsAnswer.parse(await client.ok("GET", "/rooms"));
  const general = rooms.find((room) => room.name === "general");
  if (general === undefined) throw new Error("there is no room general");
  return { client, me, general };
}

/** The conversation of a room or thread, as the pipeline would name it. */
export function targetOf(room: WebRoom, threadId?: string): Target {
  return {
    organizationId: ORGANIZATION,
    installationId: `i_${ORGANIZATION}`,
    conversation: {
      space: { id: "web" },
      channel: { id: room.id, name: room.name, kind: room.kind, external: false },
      ...(threadId === undefined ? {} : { thread: { id: threadId } }),
    },
  };
}

/** A post of the guide as the pipeline would send it. */
export function outboundPost(
  adapter: ChatAdapter,
  parts: readonly ReplyPart[],
  options: { target: Target; key: string; mentionable?: readonly string[] } & Partial<OutboundPost>,
): OutboundPost {
  const { target, key, mentionable = [], ...more } = options;
  const [rendered] = adapter.render(parts, { identity: GUIDE, conversation: target.conversation, mentionable });
  if (rendered === undefined) throw new Error("nothing was rendered");
  return { ...rendered, target, identity: GUIDE, idempotencyKey: key, signal: new AbortController().signal, ...more };
}
