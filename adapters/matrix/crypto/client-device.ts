import { createHash } from "node:crypto";
import type { RoomKeyInfo } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { JsonValue } from "../../../src/contracts/json.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { ParleyError, toParleyError } from "../../../src/errors/parley-error.ts";
import type { AccountCrypto, CryptoOptions } from "../crypto-port.ts";
import { asList, asRecord, type Raw } from "../raw.ts";
import { homeserver } from "./client-homeserver.ts";
import { establishBackup, establishIdentity } from "./client-identity.ts";
import { takeKeys } from "./client-key-intake.ts";
import { closeMachine, type Machine, openMachine } from "./client-machine.ts";
import { Opening } from "./client-opening.ts";
import { type Content, type SealedContent, Sealing } from "./client-sealing.ts";
import { secretStorage } from "./client-secret-storage.ts";
import { DeviceRows } from "./device-rows.ts";
import { DurableIndexedDb } from "./durable-indexed-db.ts";
import { Failure } from "./failure.ts";
import { type KeptEvent, sessionOf, Undecryptable } from "./undecryptable.ts";

/** Tries again for what no word about a key announces: a backup that could not be reached, a delivery that failed. */
const RETRY_EVERY_MS = 60_000;

/** One device of an account in encrypted rooms; see deploy/decisions/0007. */
class CryptoDevice implements AccountCrypto {
  readonly #options: CryptoOptions;
  readonly #logger: Logger;
  readonly #database: DurableIndexedDb;
  readonly #machine: Machine;
  readonly #opening: Opening;
  readonly #sealing: Sealing;
  readonly #undecryptable: Undecryptable;
  readonly #failure: Failure;
  #retrying: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: {
    options: CryptoOptions;
    database: DurableIndexedDb;
    machine: Machine;
    sealing: Sealing;
    undecryptable: Undecryptable;
    failure: Failure;
  }) {
    this.#options = parts.options;
    this.#logger = parts.options.logger;
    this.#database = parts.database;
    this.#machine = parts.machine;
    this.#opening = new Opening(parts.machine, this.#logger);
    this.#sealing = parts.sealing;
    this.#undecryptable = parts.undecryptable;
    this.#failure = parts.failure;
  }

  get ended(): AbortSignal {
    return this.#failure.ended;
  }

  /** Tries again what was kept, now and whenever keys come. */
  watchKeys(): void {
    this.#machine.olm.registerRoomKeyUpdatedCallback((keys) => {
      for (const session of keys.map(named)) this.#retry(session);
      return Promise.resolve();
    });
    this.#retry();
    this.#timer = setInterval(() => this.#retry(), RETRY_EVERY_MS);
    this.#timer.unref();
  }

  receive(answer: Raw): Promise<void> {
    return this.#failure.guard(async () => {
      await takeKeys(this.#machine, answer, this.#logger);
      const rooms = asRecord(answer["rooms"]);
      for (const roomId of Object.keys(asRecord(rooms?.["leave"]) ?? {})) this.#sealing.forget(roomId);
      for (const [roomId, value] of Object.entries(asRecord(rooms?.["join"]) ?? {})) {
        const room = asRecord(value) ?? {};
        if (asRecord(room["timeline"])?.["limited"] === true) this.#sealing.forget(roomId);
        const events = ["state", "timeline", "state_after", "org.matrix.msc4222.state_after"]
          .flatMap((part) => asList(asRecord(room[part])?.["events"]))
          .map(asRecord)
          .filter((event) => event !== undefined)
          .filter((event) => typeof event["state_key"] === "string");
        // Nothing is lost by a room that is refused: before each write the homeserver is asked again.
        await this.#sealing.applyState(roomId, events).catch((error: unknown) => {
          this.#logger.warn({ err: error, roomId }, "the state of a room was not taken by the crypto module");
        });
      }
    });
  }

  open(roomId: string, event: Raw, note: JsonValue): Promise<Raw | undefined> {
    return this.#failure.guard(async () => {
      const outcome = await this.#opening.open(roomId, event);
      if (outcome !== "waiting") return outcome;
      // Keys of what was said before the account was there are owed to nobody. What was said to a device that is lost was said to the account.
      const historical = asRecord(note)?.["context"] === true;
      await this.#undecryptable.keep({ roomId, event, note, keptAtMs: Date.now(), historical });
      // The key may have come between the attempt and the keeping: then nothing else would try again.
      const again = await this.#opening.open(roomId, event);
      if (again === "waiting") return undefined;
      await this.#forget(roomId, event);
      return again;
    });
  }

  read(roomId: string, event: Raw): Promise<Raw | undefined> {
    return this.#failure.guard(async () => {
      const outcome = await this.#opening.open(roomId, event);
      return outcome === "waiting" ? undefined : outcome;
    });
  }

  encrypted(roomId: string): Promise<boolean> {
    return this.#failure.guard(() => this.#sealing.encrypted(roomId));
  }

  seal(roomId: string, type: string, content: Content): Promise<SealedContent> {
    return this.#failure.guard(async () => {
      // Clients look for reactions in the clear, and show none that are not.
      const plain = type === "m.reaction" || !(await this.#sealing.encrypted(roomId));
      return plain ? { type, content } : this.#sealing.seal(roomId, type, content);
    });
  }

  synced(): void {
    if (this.#closed || this.#failure.error !== undefined) return;
    this.#machine.crypto["outgoingRequestsManager"].doProcessOutgoingRequests().catch((error: unknown) => {
      this.#logger.warn({ err: error }, "requests of the crypto module wait for the next sync");
    });
  }

  health(): string | undefined {
    const failure = this.#failure.error;
    if (failure !== undefined) return `encryption ended: ${failure.detail ?? failure.code}`;
    const { missing } = this.#undecryptable;
    return missing === 0 ? undefined : `cannot decrypt ${missing} ${missing === 1 ? "event" : "events"}`;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#retrying;
    await closeMachine(this.#machine);
    await this.#database.close();
  }

  async #forget(roomId: string, event: Raw): Promise<void> {
    const kept = this.#undecryptable.waiting().find((one) => one.roomId === roomId && one.event === event);
    if (kept !== undefined) await this.#undecryptable.remove(kept);
  }

  #retry(session?: Session): void {
    if (this.#undecryptable.waiting(session).length === 0) return;
    this.#retrying = this.#retrying.then(async () => {
      if (this.#closed || this.#failure.error !== undefined) return;
      const bySession = Map.groupBy(this.#undecryptable.waiting(session), ({ roomId, event }) =>
        JSON.stringify([roomId, sessionOf(event)]),
      );
      for (const kept of bySession.values())
        await this.#failure
          .guard(() => this.#deliverAll(kept))
          .catch((error: unknown) => {
            this.#logger.warn({ err: error }, "an event whose key came late was not delivered; trying again");
          });
    });
  }

  /** One session's events in the order in which they came. */
  async #deliverAll(kept: readonly KeptEvent[]): Promise<void> {
    for (const one of kept) {
      if (this.#closed) return;
      const outcome = await this.#opening.open(one.roomId, one.event);
      // An earlier message of a session needs an earlier key than a later one: each is tried.
      if (outcome === "waiting") continue;
      if (outcome !== undefined) await this.#options.deliver(one.roomId, outcome, one.note);
      await this.#undecryptable.remove(one);
      this.#logger.info({ roomId: one.roomId, eventId: one.event["event_id"] }, "an event was read after its key came");
    }
  }
}

interface Session {
  readonly roomId: string;
  readonly sessionId: string;
}

/**
 * Opens the account's device for encrypted rooms: its keys as they were, signed by the account's identity, with key backup.
 *
 * Errors: CREDENTIAL_MISSING without a recovery key; CONFIG_INVALID when it, or the store's key, is a wrong one;
 * PLATFORM_* while the homeserver cannot be asked; LEASE_LOST, LEDGER_UNAVAILABLE.
 */
export async function openCryptoDevice(options: CryptoOptions): Promise<AccountCrypto> {
  const { userId, deviceId, installationId, state, lease, logger, recoveryKey } = options;
  if (recoveryKey === undefined)
    throw new ParleyError("CREDENTIAL_MISSING", {
      detail: `encrypted rooms need matrix.encryption.recoveryKey; "parley matrix recovery-key" makes one for a new account`,
    });
  const failure = new Failure();
  const ended = (error: unknown): void => {
    const known = toParleyError(error, "LEDGER_UNAVAILABLE");
    if (failure.error === undefined) logger.error({ err: known, userId, deviceId }, "encryption ended for this device");
    failure.fail(known);
  };
  if (lease.lost.aborted) ended(lease.lost.reason);
  else lease.lost.addEventListener("abort", () => ended(lease.lost.reason), { once: true });

  return failure.guard(async () => {
    const rows = new DeviceRows(state, installationId, lease, "crypto/");
    // Of the account, not of the device: a new device finds their keys in the backup.
    const undecryptable = await Undecryptable.load(rows.under("waiting/"), logger, Date.now());
    const database = await DurableIndexedDb.restore(rows.under(`device/${short(deviceId)}/`), ended);
    const http = homeserver(options);
    const secrets = secretStorage(http, userId, recoveryKey);
    const storeSecret = options.storeKey ?? recoveryKey;
    const machine = await openMachine({
      userId,
      deviceId,
      storeSecret,
      http,
      secretStorage: secrets,
      database,
      logger,
    });
    try {
      const identity = { machine, http, secrets, userId, deviceId, logger };
      await establishIdentity(identity);
      await establishBackup(identity);
    } catch (error) {
      await closeMachine(machine);
      await database.close();
      throw error;
    }
    const sealing = new Sealing({ machine, http, logger });
    const device = new CryptoDevice({ options, database, machine, sealing, undecryptable, failure });
    device.watchKeys();
    return device;
  });
}

function named(info: RoomKeyInfo): Session {
  const roomId = info.roomId;
  const session = { roomId: roomId.toString(), sessionId: info.sessionId };
  roomId.free();
  info.free();
  return session;
}

function short(deviceId: string): string {
  return createHash("sha256").update(deviceId).digest("base64url").slice(0, 22);
}
