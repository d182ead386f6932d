import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type FastifyInstance, fastify } from "fastify";
import type { createWebAdapter } from "../../../../adapters/web/index.ts";
import type { ChatAdapter } from "../../../../src/contracts/adapter.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import type { Database } from "../../../../src/ledger/connection/database.ts";
import { migrate } from "../../../../src/ledger/connection/migrate.ts";
import { openDatabase } from "../../../../src/ledger/connection/open-database.ts";
import { createWebRoomStore } from "../../../../src/ledger/web/index.ts";
import { embeddedDataFolder } from "../../../support/embedded/data-folder.ts";
import { createTestDatabase } from "../../../support/servers/shared-servers.ts";
import { GUIDE } from "../../../support/web/web-room.ts";
import type { AdapterHarness, AdapterRig, Breaker } from "../harness.ts";
import { recordingSink } from "../recording-sink.ts";
import { type FaultyDatabase, faultyDatabase } from "./faulty-database.ts";
import { WebMadeUp } from "./web-made-up.ts";
import { webOracle } from "./web-oracle.ts";
import { organizationsOf, signIn, WebPeople } from "./web-people.ts";
import type { WebSide } from "./web-side.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../../src/ledger/migrations", import.meta.url));

export interface WebHarnessOptions {
  readonly create: typeof createWebAdapter;
  readonly backend: "pglite" | "postgres";
  readonly breaker?: Breaker;
}

const KINDS: readonly EventKind[] = [
  "message_created",
  "message_edited",
  "message_deleted",
  "reaction_added",
  "reaction_removed",
  "member_joined",
  "member_left",
  "channel_created",
  "channel_renamed",
  "channel_archived",
  "direct_message_opened",
  "command_invoked",
  "action_submitted",
  "session_stopped",
];

/** The built-in room on real storage; every rig is an organization of its own in one database. */
export function webHarness(options: WebHarnessOptions): AdapterHarness {
  let shared: Promise<Shared> | undefined;
  return {
    name: `the web room on ${options.backend}`,
    kinds: KINDS,
    redelivered: KINDS,
    features: ["preview", "react", "delete", "status", "respond", "privately", "direct", "members", "history", "media"],
    failures: ["unreachable", "gone", "lost_before", "lost_after", "lost_midway"],
    keys: Object.fromEntries(KINDS.map((kind) => [kind, "web:{installation}:{channel}:*"])),
    lossy: ["heading of level 4", "html", "picture"],
    impossible: {
      chosen_ids: "every id is made by the room itself, and none of them holds a colon",
      other_bot: "the room has people and the installation's own agents, and no other bots",
      rate_limit: "agents' posts are written into the ledger's database, which names no pauses",
    },
    skips: [
      {
        id: "AD-ERR-02",
        reason: "agents' posts are transactions of the ledger's database: nothing there asks anybody to wait",
        link: "src/contracts/web-room-store.ts#WebRoomStore",
      },
    ],
    parallel: false,
    start: async ({ started = true } = {}) => {
      shared ??= openShared(options.backend);
      return await startRig(options, await shared, started);
    },
    close: async () => {
      if (shared === undefined) return;
      const { database, folder } = await shared;
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Shared {
  readonly database: Database;
  readonly folder: string;
}

async function openShared(backend: "pglite" | "postgres"): Promise<Shared> {
  const folder = backend === "pglite" ? await embeddedDataFolder() : mkdtempSync(path.join(tmpdir(), "parley-web-"));
  const databaseUrl = backend === "postgres" ? await createTestDatabase() : undefined;
  const database = await openDatabase({ dataFolder: folder, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
  await migrate(database, MIGRATIONS);
  return { database, folder };
}

async function startRig(options: WebHarnessOptions, shared: Shared, started: boolean): Promise<AdapterRig> {
  const organizationId = `org-${randomUUID()}`;
  const uploadsFolder = path.join(shared.folder, "uploads");
  const faulty = faultyDatabase(shared.database);
  const cleanStore = createWebRoomStore({ database: shared.database, uploadsFolder });
  const sink = recordingSink();
  const inner: ChatAdapter[] = [];
  const create = (): ChatAdapter => {
    const store = createWebRoomStore({ database: faulty, uploadsFolder });
    const adapter = options.create(
      { organizationId, organizationIds: organizationsOf(organizationId) },
      { store, agents: () => [GUIDE] },
    );
    inner.push(adapter);
    return (
      options.breaker?.(adapter, { signingSecret: "", writeDirectly: (...how) => people.writeDirectly(...how) }) ??
      adapter
    );
  };
  const adapter = create();
  const served = await serve(adapter);
  // Mounted and never started: it answers reads, and takes part in nothing.
  const reader = await serve(
    options.create(
      { organizationId, organizationIds: organizationsOf(organizationId), requestsPerMinute: 100_000 },
      { store: cleanStore, agents: () => [GUIDE] },
    ),
  );
  if (started) await adapter.start(sink, new AbortController().signal);
  else await cleanStore.rooms.ensureDefaultRoom({ organizationId, roomId: `r_${randomUUID()}`, name: "general" });
  const asker = await signIn(cleanStore, served.url, organizationId, "Mara", "owner");
  const bystander = await signIn(cleanStore, served.url, organizationId, "Ben");
  const side: WebSide = {
    organizationId,
    installationId: `installation:${organizationId}:web`,
    database: shared.database,
    url: served.url,
    readerUrl: reader.url,
    asker,
    bystander,
  };
  const people = new WebPeople(side, adapter, cleanStore);
  const madeUp = new WebMadeUp(side, people, cleanStore);
  if (started) await people.drained();
  return {
    adapter,
    sink,
    platform: webOracle(side),
    organizationId,
    installationId: side.installationId,
    asker: asker.person,
    bystander: bystander.person,
    secrets: [asker.secret, bystander.secret],
    create,
    traffic: () => faulty.traffic(),
    connections: () => people.openPages(),
    conversation: () => people.conversation(),
    thread: (target) => people.thread(target),
    inbound: (kind, how) => people.inbound(kind, how),
    inboundTwice: (kind) => people.inboundTwice(kind),
    inboundForTwins: () => people.inboundForTwins(),
    changeWithoutText: () => people.editToTheSame(),
    otherBotSpeaks: () => Promise.reject(new Error("there are no other bots here")),
    unknownEvents: () => madeUp.unknownEvents(),
    malformedEvents: () => madeUp.malformedEvents(),
    forgeries: () => madeUp.forgeries(),
    genuine: () => madeUp.genuine(),
    fail: async (mode, target) => {
      const roomId = target.conversation.channel.id;
      if (mode === "unreachable") faulty.cut();
      else if (mode === "gone") await asker.client.ok("PATCH", `/rooms/${roomId}`, { archived: true });
      else faulty.strike(mode, roomId);
    },
    dawdle: () => faulty.dawdle(),
    afterwards: {
      // Posts are stored whether anybody hands them on or not.
      say: async (target) => (await people.inbound("message_created", { target })).messageId ?? "",
      succeed: async (next) => {
        const successor = create();
        await successor.start(next, new AbortController().signal);
        return successor;
      },
      reads: () => 0,
    },
    stop: async () => {
      await end(faulty, inner, [served.server, reader.server]);
      // Other organizations' adapters take up what is left in the log.
      await shared.database.query({ text: "delete from web_events where organization_id like $1" }, [
        `${organizationId}%`,
      ]);
    },
  };
}

async function end(faulty: FaultyDatabase, adapters: readonly ChatAdapter[], servers: readonly FastifyInstance[]) {
  faulty.release();
  for (const adapter of adapters) await adapter.stop();
  for (const server of servers) await server.close();
}

async function serve(adapter: ChatAdapter): Promise<{ server: FastifyInstance; url: string }> {
  const server = fastify({ forceCloseConnections: true });
  await adapter.mount?.(server);
  return { server, url: await server.listen({ host: "127.0.0.1", port: 0 }) };
}
