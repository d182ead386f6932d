import { createHash } from "node:crypto";
import {
  DecryptionErrorCode,
  DecryptionSettings,
  DeviceLists,
  MegolmDecryptionError,
  RoomId,
  type RoomKeyInfo,
  TrustRequirement,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import type { JsonValue } from "../../../src/contracts/json.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { ParleyError, toParleyError } from "../../../src/errors/parley-error.ts";
import type { AccountCrypto, CryptoOptions } from "../crypto-port.ts";
import { asInteger, asList, asRecord, asString, type Raw } from "../raw.ts";
import { homeserver } from "./client-homeserver.ts";
import { establishBackup, establishIdentity } from "./client-identity.ts";
import { type Machine, openMachine } from "./client-machine.ts";
import { type Content, type SealedContent, Sealing, sdkUserId } from "./client-sealing.ts";
import { secretStorage } from "./client-secret-storage.ts";
import { DeviceRows } from "./device-rows.ts";
import { DurableIndexedDb } from "./durable-indexed-db.ts";
import { type KeptEvent, sessionOf, Undecryptable } from "./undecryptable.ts";

/** Tries again for what no word about a key announces: a backup that could not be reached, a delivery that failed. */
const RETRY_EVERY_MS = 60_000;

/** One device of an account in encrypted rooms; see deploy/decisions/0007. */
class CryptoDevice implements AccountCrypto {
  readonly #options: CryptoOptions;
  readonly #logger: Logger;
  readonly #database: DurableIndexedDb;
  readonly #machine: Machine;
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
    this.#sealing = parts.sealing;
    this.#undecryptable = parts.undecryptable;
    this.#failure = parts.failure;
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
      await this.#receiveKeys(answer);
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
      const outcome = await this.#decrypt(roomId, event);
      if (outcome !== "waiting") return outcome;
      const sentAtMs = asInteger(event["origin_server_ts"]) ?? 0;
      const historical = sentAtMs <= this.#machine.olm.deviceCreationTimeMs;
      await this.#undecryptable.keep({ roomId, event, note, keptAtMs: Date.now(), historical });
      // The key may have come between the attempt and the keeping: then nothing else would try again.
      const again = await this.#decrypt(roomId, event);
      if (again === "waiting") return undefined;
      await this.#forget(roomId, event);
      return again;
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
    this.#machine.crypto.stop();
    await this.#database.close();
  }

  async #receiveKeys(answer: Raw): Promise<void> {
    const events = asList(asRecord(answer["to_device"])?.["events"]).filter(isToDeviceEvent);
    const counts = new Map(
      Object.entries(asRecord(answer["device_one_time_keys_count"]) ?? {}).flatMap(([algorithm, value]) => {
        const count = asInteger(value);
        return count === undefined ? [] : [[algorithm, count] as const];
      }),
    );
    const unused = answer["device_unused_fallback_key_types"];
    const take = (some: readonly unknown[]): Promise<unknown> =>
      this.#machine.olm.receiveSyncChanges(
        JSON.stringify(some),
        deviceLists(asRecord(answer["device_lists"])),
        counts,
        Array.isArray(unused) ? new Set(unused.filter((type) => typeof type === "string")) : undefined,
      );
    try {
      await take(events);
    } catch (error) {
      // One message that the machine cannot bear must not hold up all later ones for ever.
      this.#logger.warn(
        { err: error, messages: events.length },
        "the crypto module refused a sync answer; one at a time",
      );
      for (const event of events)
        await take([event]).catch((cause: unknown) => {
          this.#logger.error({ err: cause }, "a message to this device was dropped: the crypto module refuses it");
        });
    }
  }

  /** The plain event; `waiting` when its key is missing; undefined when no key would ever make it readable. */
  async #decrypt(roomId: string, event: Raw): Promise<Raw | "waiting" | undefined> {
    const { olm, crypto } = this.#machine;
    const sessionId = sessionOf(event);
    const room = sdkRoomId(roomId);
    if (sessionId === undefined || room === undefined || asRecord(event["content"])?.["ciphertext"] === undefined)
      return this.#refused(roomId, event, "it is not encrypted as rooms are");
    try {
      const wanted = ["event_id", "type", "sender", "content", "origin_server_ts"];
      const wire = JSON.stringify(Object.fromEntries(wanted.map((field) => [field, event[field]])));
      const opened = await olm.decryptRoomEvent(wire, room, new DecryptionSettings(TrustRequirement.Untrusted));
      const plain = asRecord(JSON.parse(opened.event));
      const type = asString(plain?.["type"]);
      const content = asRecord(plain?.["content"]);
      if (type === undefined || content === undefined) return this.#refused(roomId, event, "there is no event inside");
      return { ...event, type, content };
    } catch (error) {
      if (!(error instanceof MegolmDecryptionError)) throw error;
      if (error.code === DecryptionErrorCode.MismatchedSender)
        return this.#refused(roomId, event, "its sender is not the one who encrypted it");
      const { MissingRoomKey, UnknownMessageIndex } = DecryptionErrorCode;
      if (error.code === MissingRoomKey || error.code === UnknownMessageIndex)
        crypto["perSessionBackupDownloader"].onDecryptionKeyMissingError(roomId, sessionId);
      this.#logger.debug(
        { roomId, eventId: event["event_id"], reason: DecryptionErrorCode[error.code], withheld: error.withheldCode },
        "an event cannot be decrypted yet",
      );
      return "waiting";
    }
  }

  #refused(roomId: string, event: Raw, reason: string): undefined {
    this.#logger.warn({ roomId, eventId: event["event_id"], reason }, "an encrypted event was refused");
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

  /** One session's events in the order in which they came; the first that stays closed ends the attempt. */
  async #deliverAll(kept: readonly KeptEvent[]): Promise<void> {
    for (const one of kept) {
      if (this.#closed) return;
      const outcome = await this.#decrypt(one.roomId, one.event);
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

/** The first failure after which nothing of the device may go on; ends whoever waits at that moment. */
class Failure {
  error: ParleyError | undefined;
  readonly #waiting = new Set<(error: ParleyError) => void>();

  fail(error: ParleyError): void {
    if (this.error !== undefined) return;
    this.error = error;
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** The work's own outcome, or the failure as soon as it is there. */
  guard<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.error !== undefined) return reject(this.error);
      this.#waiting.add(reject);
      void work()
        .then(resolve, reject)
        .then(() => this.#waiting.delete(reject));
    });
  }
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
    const rows = new DeviceRows(state, installationId, lease, `crypto/${short(deviceId)}/`);
    const undecryptable = await Undecryptable.load(rows.under("waiting/"), logger, Date.now());
    const database = await DurableIndexedDb.restore(rows.under("store/"), ended);
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
      machine.crypto.stop();
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

/** Verification by comparing emoji needs a person at this end. */
function isToDeviceEvent(value: unknown): boolean {
  const event = asRecord(value);
  const type = asString(event?.["type"]);
  return (
    type !== undefined &&
    !type.startsWith("m.key.verification.") &&
    sdkUserId(event?.["sender"]) !== undefined &&
    asRecord(event?.["content"]) !== undefined
  );
}

function deviceLists(lists: Raw | undefined): DeviceLists {
  const users = (part: string) => asList(lists?.[part]).flatMap((userId) => sdkUserId(userId) ?? []);
  return new DeviceLists(users("changed"), users("left"));
}

function sdkRoomId(roomId: string): RoomId | undefined {
  try {
    return new RoomId(roomId);
  } catch {
    return undefined;
  }
}

function short(deviceId: string): string {
  return createHash("sha256").update(deviceId).digest("base64url").slice(0, 22);
}
