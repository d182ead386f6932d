import {
  CollectStrategy,
  EncryptionAlgorithm,
  EncryptionSettings,
  KeysQueryRequest,
  RoomId,
  RoomSettings,
  HistoryVisibility as SdkVisibility,
  UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { LogSpan } from "matrix-js-sdk/lib/logger.js";
import type { JsonValue } from "../../../src/contracts/json.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { KeyedQueue } from "../../shared/keyed-queue.ts";
import { asInteger, asRecord, type Raw } from "../raw.ts";
import { notSent, readMembers, readState, type SdkHttp, unreadable } from "./client-homeserver.ts";
import { sdkLogger } from "./client-logger.ts";
import type { Machine } from "./client-machine.ts";
import { type HistoryVisibility, RoomRoster } from "./room-roster.ts";

export type Content = { readonly [key: string]: JsonValue };

export interface SealedContent {
  readonly type: string;
  readonly content: Content;
}

export interface SealingOptions {
  readonly machine: Machine;
  readonly http: SdkHttp;
  readonly logger: Logger;
}

const MEGOLM = "m.megolm.v1.aes-sha2";
/** A room can become encrypted by an event that no sync brought yet: what is known of plain rooms is asked again so often, in ms. */
const PLAIN_FOR_MS = 10_000;
/** The least that a room's own setting may be: a new session for each message is a flood of key messages. */
const MIN_ROTATION_MS = 60_000;
const MIN_ROTATION_MESSAGES = 1;

const VISIBILITY: Readonly<Record<HistoryVisibility, SdkVisibility>> = {
  world_readable: SdkVisibility.WorldReadable,
  shared: SdkVisibility.Shared,
  invited: SdkVisibility.Invited,
  joined: SdkVisibility.Joined,
};

/** Encrypts what is written, for everybody who is in the room, and for nobody else. */
export class Sealing {
  readonly #machine: Machine;
  readonly #http: SdkHttp;
  readonly #span: LogSpan;
  readonly #roster: RoomRoster;
  readonly #queue = new KeyedQueue();
  /** Rooms that had no encryption when the homeserver was last asked. */
  readonly #plainUntilMs = new Map<string, number>();

  constructor({ machine, http, logger }: SealingOptions) {
    this.#machine = machine;
    this.#http = http;
    this.#span = new LogSpan(sdkLogger(logger), "sealing");
    this.#roster = new RoomRoster({
      members: (roomId) => readMembers(http, roomId),
      historyVisibility: (roomId) => readState(http, roomId, "m.room.history_visibility"),
    });
  }

  /** Takes state events of a joined room as sync tells them; what they say about encryption is durable when this resolves. */
  async applyState(roomId: string, events: readonly Raw[]): Promise<void> {
    for (const event of events) {
      this.#roster.apply(roomId, event);
      if (event["state_key"] === "" && event["type"] === "m.room.encryption")
        await this.#setEncryption(roomId, event["content"]);
    }
    const came = events.filter(isArrival).flatMap((event) => sdkUserId(event["state_key"]) ?? []);
    // Whoever comes gets the keys of what is said from now on; their devices are looked up in time.
    if (came.length > 0 && (await this.#settings(roomId)) !== undefined)
      await this.#machine.olm.updateTrackedUsers(came);
  }

  /** After a gap or a leave. */
  forget(roomId: string): void {
    this.#roster.forget(roomId);
    this.#plainUntilMs.delete(roomId);
  }

  /**
   * Whether what is said in the room is encrypted. Once it is, it stays so, whatever the homeserver says later.
   *
   * Rejects with a ParleyError, `not_sent`, when it cannot be found out, or when the room's encryption is of another kind.
   */
  async encrypted(roomId: string): Promise<boolean> {
    if ((await this.#settings(roomId)) !== undefined) return true;
    if ((this.#plainUntilMs.get(roomId) ?? 0) > performance.now()) return false;
    const state = await readState(this.#http, roomId, "m.room.encryption");
    if (state === undefined) {
      this.#plainUntilMs.set(roomId, performance.now() + PLAIN_FOR_MS);
      return false;
    }
    await this.#setEncryption(roomId, state);
    if ((await this.#settings(roomId)) !== undefined) return true;
    throw new ParleyError("FEATURE_UNSUPPORTED", {
      detail: `the encryption of room ${roomId} is of a kind that is not known here`,
    });
  }

  /** The event to send instead; one at a time for each room. Rejects with a ParleyError, `not_sent`. */
  seal(roomId: string, type: string, content: Content): Promise<SealedContent> {
    return this.#queue.run(roomId, async () => {
      try {
        await this.#shareKey(roomId);
        const sealed = await this.#machine.olm.encryptRoomEvent(new RoomId(roomId), type, JSON.stringify(content));
        return { type: "m.room.encrypted", content: JSON.parse(sealed) as Content }; // JSON that the machine just wrote
      } catch (error) {
        throw notSent(error);
      }
    });
  }

  /** Gives the room's session to every device that is to read it, a new session when somebody left. */
  async #shareKey(roomId: string): Promise<void> {
    const { crypto, olm } = this.#machine;
    const { userIds, historyVisibility } = await this.#roster.recipients(roomId);
    const users = (): UserId[] => userIds.map((userId) => new UserId(userId));
    await olm.updateTrackedUsers(users());
    await crypto["outgoingRequestsManager"].doProcessOutgoingRequests();
    await this.#requireKnownDevices(userIds);
    await crypto["keyClaimManager"].ensureSessionsForUsers(this.#span, users());
    const settings = await this.#settings(roomId);
    if (settings === undefined) throw unreadable(`the encryption of room ${roomId}`);
    const encryption = new EncryptionSettings();
    encryption.algorithm = EncryptionAlgorithm.MegolmV1AesSha2;
    encryption.historyVisibility = VISIBILITY[historyVisibility];
    encryption.sharingStrategy = CollectStrategy.allDevices();
    if (settings.sessionRotationPeriodMs !== undefined)
      encryption.rotationPeriod = BigInt(settings.sessionRotationPeriodMs) * 1000n;
    if (settings.sessionRotationPeriodMessages !== undefined)
      encryption.rotationPeriodMessages = BigInt(settings.sessionRotationPeriodMessages);
    const processor = crypto["outgoingRequestProcessor"];
    for (const request of await olm.shareRoomKey(new RoomId(roomId), users(), encryption))
      await processor.makeOutgoingRequest(request);
  }

  /** A person whose devices could not be looked up would get a message that none of them can read. */
  async #requireKnownDevices(userIds: readonly string[]): Promise<void> {
    const open = await this.#machine.olm.outgoingRequests();
    const asked = open.flatMap((request) =>
      request instanceof KeysQueryRequest
        ? Object.keys(asRecord(asRecord(JSON.parse(request.body))?.["device_keys"]) ?? {})
        : [],
    );
    if (asked.some((userId) => userIds.includes(userId)))
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: "the homeserver does not say which devices the people of the room have",
        delivery: "not_sent",
      });
  }

  async #settings(roomId: string): Promise<RoomSettings | undefined> {
    return (await this.#machine.olm.getRoomSettings(new RoomId(roomId))) ?? undefined;
  }

  /** Only the first word counts: nobody may weaken or end what a room has. */
  async #setEncryption(roomId: string, content: unknown): Promise<void> {
    const wanted = asRecord(content);
    this.#plainUntilMs.delete(roomId);
    if (wanted?.["algorithm"] !== MEGOLM || (await this.#settings(roomId)) !== undefined) return;
    const settings = new RoomSettings();
    settings.algorithm = EncryptionAlgorithm.MegolmV1AesSha2;
    const afterMs = asInteger(wanted["rotation_period_ms"]);
    const afterMessages = asInteger(wanted["rotation_period_msgs"]);
    if (afterMs !== undefined) settings.sessionRotationPeriodMs = Math.max(afterMs, MIN_ROTATION_MS);
    if (afterMessages !== undefined)
      settings.sessionRotationPeriodMessages = Math.max(afterMessages, MIN_ROTATION_MESSAGES);
    await this.#machine.olm.setRoomSettings(new RoomId(roomId), settings);
  }
}

function isArrival(event: Raw): boolean {
  const membership = event["type"] === "m.room.member" ? asRecord(event["content"])?.["membership"] : undefined;
  return membership === "join" || membership === "invite";
}

/** The SDK's own check of a user id; undefined for what it does not take. */
export function sdkUserId(value: unknown): UserId | undefined {
  try {
    return typeof value === "string" ? new UserId(value) : undefined;
  } catch {
    return undefined;
  }
}
