/**
 * An account with encryption as the adapter runs it, and nothing besides: the real ledger, the real crypto, its own sync loop.
 *
 * What it read is a row of the table `heard`, what it answered is marked there; an answer that a crash left open is sent again
 * under the same transaction id.
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { RustBackupManager } from "matrix-js-sdk/lib/rust-crypto/backup.js";
import { openCryptoDevice } from "../../../adapters/matrix/crypto/client-device.ts";
import type { AccountCrypto } from "../../../adapters/matrix/crypto-port.ts";
import type { Raw } from "../../../adapters/matrix/raw.ts";
import type { AdapterLease, AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { createAdapterStateStore } from "../../../src/ledger/adapter-state.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createSecretBox } from "../../../src/ledger/secret-box.ts";
import { answerCalls } from "./child-calls.ts";

/** Where the process ends itself by SIGKILL: at the so-manieth passing of the point. */
export type KillPoint =
  | "keys-received"
  | "before-token"
  | "session-shared"
  | "before-send"
  | "after-send"
  | "keys-uploaded";

export interface BotParameters {
  readonly url: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  readonly recoveryKey: string;
  readonly storeKey?: string;
  /** One of both. */
  readonly databaseUrl?: string | undefined;
  readonly dataFolder?: string;
  readonly kill?: { readonly point: KillPoint; readonly passing: number };
  /** Broken on purpose: rows of the crypto store are said to be durable half a second before they are. */
  readonly sabotage?: "keys-late";
  /** Keys for this device are held back until `release`. */
  readonly holdKeys?: boolean;
}

interface Heard {
  readonly event_id: string;
  readonly room_id: string;
  readonly body: string;
  readonly late: boolean;
}

type Json = Record<string, unknown>;

const parameters = JSON.parse(process.argv[2] ?? "") as BotParameters; // what the parent gave
const { url, userId, deviceId, accessToken, recoveryKey, storeKey, kill, holdKeys = false } = parameters;
const INSTALLATION = "bot";
const SYNC_TIMEOUT_MS = 5_000;
const TOKEN_KEY = "sync-token";
const quiet = (): void => undefined;
const told: string[] = [];
const tell = (fields: object, words: string): void => {
  const error = "err" in fields && fields.err instanceof Error ? ` ${fields.err.message}` : "";
  told.push(`${words}${error}`);
};
const logger: Logger = { debug: quiet, info: quiet, warn: tell, error: tell, child: () => logger };
// The SDK spreads the uploads of many clients over 10 s; here is one client.
Object.assign(RustBackupManager, { maxBackupLoopStartDelayMillis: 200 });
const passings = new Map<KillPoint, number>();
const rejections: string[] = [];
process.on("unhandledRejection", (reason) => rejections.push(String(reason)));

const database = await openDatabase(
  parameters.databaseUrl === undefined
    ? { dataFolder: parameters.dataFolder ?? "" }
    : { dataFolder: "unused", databaseUrl: parameters.databaseUrl },
);
const ledger = createAdapterStateStore({
  database,
  box: createSecretBox(createHash("sha256").update("the test's ledger key").digest()),
  owner: `process-${process.pid}`,
  logger,
});
const LATE_MS = 500;
const state: AdapterStateStore =
  parameters.sabotage === undefined
    ? ledger
    : {
        ...ledger,
        write: async (installationId, changes, held) => {
          if (![...changes.keys()].some((key) => key.startsWith("crypto/")))
            return await ledger.write(installationId, changes, held);
          setTimeout(() => void ledger.write(installationId, changes, held).catch(() => undefined), LATE_MS);
        },
      };
let crypto: AccountCrypto | undefined;
let held: unknown[] = [];
let holding = holdKeys;
const stopping = new AbortController();

function pass(point: KillPoint): void {
  const passing = (passings.get(point) ?? 0) + 1;
  passings.set(point, passing);
  if (kill?.point === point && kill.passing === passing) process.kill(process.pid, "SIGKILL");
}

/** The homeserver, with the moments after an answer at which a process may end. */
async function reach(resource: URL | RequestInfo, init?: RequestInit): Promise<Response> {
  const answer = await fetch(resource, init);
  const path = String(resource instanceof Request ? resource.url : resource);
  if (path.includes("/sendToDevice/m.room.encrypted/")) pass("session-shared");
  if (path.includes("/keys/upload")) pass("keys-uploaded");
  return answer;
}

async function call(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Json> {
  const answer = await fetch(`${url}/_matrix/client/v3${path}`, {
    method,
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as Json; // from a Synapse, whose API is stable
}

const room = (roomId: string): string => `/rooms/${encodeURIComponent(roomId)}`;

async function send(roomId: string, body: string, key: string): Promise<string> {
  if (crypto === undefined) throw new Error("not open");
  const plain = { msgtype: "m.text", body };
  const { type, content } = await crypto.seal(roomId, "m.room.message", plain);
  pass("before-send");
  const transaction = createHash("sha256").update(key).digest("hex").slice(0, 32);
  const sent = await call("PUT", `${room(roomId)}/send/${type}/${transaction}`, content);
  pass("after-send");
  return String(sent["event_id"]);
}

async function hear(roomId: string, event: Raw, late: boolean): Promise<void> {
  const content = event["content"] as Json | undefined;
  if (event["type"] !== "m.room.message" || event["sender"] === userId || typeof content?.["body"] !== "string") return;
  await database.query(
    {
      name: "hear",
      text: "insert into heard (event_id, room_id, body, late) values ($1, $2, $3, $4) on conflict (event_id) do nothing",
    },
    [event["event_id"], roomId, content["body"], late],
  );
}

/** Answers whatever asks for it and has no answer yet. */
async function answer(): Promise<void> {
  const open = await database.query<Heard>({
    text: "select event_id, room_id, body, late from heard where not answered and body like '%?' order by position",
  });
  for (const { event_id: eventId, room_id: roomId, body } of open) {
    await send(roomId, `answer to ${body}`, eventId);
    await database.query({ name: "answered", text: "update heard set answered = true where event_id = $1" }, [eventId]);
  }
}

async function takeAnswer(answered: Json, lease: AdapterLease): Promise<void> {
  const toDevice = answered["to_device"] as { events?: unknown[] } | undefined;
  const came = toDevice?.events ?? [];
  if (holding) {
    held.push(...came);
    answered["to_device"] = { events: [] };
  } else {
    answered["to_device"] = { events: [...held, ...came] };
    held = [];
  }
  await crypto?.receive(answered);
  if (came.length > 0) pass("keys-received");
  const rooms = answered["rooms"] as { join?: Record<string, Json>; invite?: Record<string, Json> } | undefined;
  for (const [roomId, joined] of Object.entries(rooms?.join ?? {})) {
    const { events = [] } = (joined["timeline"] ?? {}) as { events?: Raw[] };
    for (const event of events) {
      const plain = event["type"] === "m.room.encrypted" ? await crypto?.open(roomId, event, { note: 1 }) : event;
      if (plain !== undefined) await hear(roomId, plain, false);
    }
  }
  pass("before-token");
  const token = Buffer.from(String(answered["next_batch"]));
  await state.write(INSTALLATION, new Map([[TOKEN_KEY, token]]), lease);
  crypto?.synced();
  for (const roomId of Object.keys(rooms?.invite ?? {})) await call("POST", `/join/${encodeURIComponent(roomId)}`, {});
}

async function run(lease: AdapterLease): Promise<void> {
  const filter = encodeURIComponent(JSON.stringify({ presence: { types: [] }, room: { timeline: { limit: 500 } } }));
  await answer();
  while (!stopping.signal.aborted) {
    const since = (await state.read(INSTALLATION, TOKEN_KEY)).get(TOKEN_KEY);
    const from = since === undefined ? "" : `&since=${encodeURIComponent(Buffer.from(since).toString())}`;
    const timeout = since === undefined ? 0 : SYNC_TIMEOUT_MS;
    const query = `/sync?timeout=${timeout}&filter=${filter}${from}`;
    const answered = await call("GET", query, undefined, stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) throw error;
    });
    if (answered === undefined) return;
    await takeAnswer(answered, lease);
    await answer();
  }
}

async function start(): Promise<void> {
  await migrate(database, fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url)));
  for (const text of [
    "insert into organizations (id, name) values ('o', 'o') on conflict do nothing",
    `insert into installations (id, organization_id, platform, external_id, name) values ('${INSTALLATION}', 'o', 'matrix', 'x', 'x') on conflict do nothing`,
    `create table if not exists heard (position bigserial, event_id text primary key, room_id text not null, body text not null,
      late boolean not null, answered boolean not null default false)`,
  ])
    await database.query({ text });
  let lease: AdapterLease | undefined;
  while (lease === undefined) {
    lease = await state.lease(INSTALLATION, `device ${deviceId}`);
    if (lease === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  crypto = await openCryptoDevice({
    installationId: INSTALLATION,
    homeserverUrl: url,
    userId,
    deviceId,
    accessToken,
    recoveryKey,
    ...(storeKey !== undefined && { storeKey }),
    state,
    lease,
    logger,
    fetch: reach,
    deliver: (roomId, event) => hear(roomId, event, true),
  }).catch(async (error: unknown) => {
    await lease.release();
    throw error;
  });
  running = run(lease)
    .catch((error: unknown) => {
      failure = error instanceof ParleyError ? error.message : String(error);
    })
    .then(async () => {
      await crypto?.close();
      await lease.release();
    });
}

let running: Promise<void> = Promise.resolve();
let failure: string | undefined;
const started = start();
started.catch(() => undefined);

const functions = {
  /** Resolves when the device is open and the loop runs. */
  start: async (): Promise<void> => await started,
  heard: async (): Promise<readonly Heard[]> =>
    await database.query<Heard>({ text: "select event_id, room_id, body, late from heard order by position" }),
  send: async (roomId: string, body: string): Promise<string> => await send(roomId, body, `${roomId} ${body}`),
  encrypted: async (roomId: string): Promise<boolean> => (await crypto?.encrypted(roomId)) === true,
  /** Whether the account's backup holds a key. */
  backedUp: async (): Promise<boolean> => Number((await call("GET", "/room_keys/version"))["count"]) > 0,
  health: (): string | undefined => failure ?? crypto?.health(),
  told: (): readonly string[] => told,
  rejections: (): readonly string[] => rejections,
  release: (): void => {
    holding = false;
  },
  rows: async (): Promise<number> => (await state.read(INSTALLATION, "crypto/")).size,
  /** Ends the loop in order and gives the lease back. */
  stop: async (): Promise<void> => {
    stopping.abort();
    await running;
    await database.close();
  },
};

export type BotFunctions = typeof functions;

answerCalls(functions);
