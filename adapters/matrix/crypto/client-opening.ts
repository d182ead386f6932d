import {
  DecryptionErrorCode,
  DecryptionSettings,
  MegolmDecryptionError,
  RoomId,
  TrustRequirement,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import type { Logger } from "../../../src/contracts/logger.ts";
import { asRecord, asString, type Raw } from "../raw.ts";
import type { Machine } from "./client-machine.ts";
import { sessionOf } from "./undecryptable.ts";

/** What the machine has to see of an event. */
const WIRE = ["event_id", "type", "sender", "content", "origin_server_ts"];

/** Opens encrypted room events. */
export class Opening {
  readonly #machine: Machine;
  readonly #logger: Logger;

  constructor(machine: Machine, logger: Logger) {
    this.#machine = machine;
    this.#logger = logger;
  }

  /** The plain event; `waiting` when its key is missing, which is asked of the backup; undefined when no key would make it readable. */
  async open(roomId: string, event: Raw): Promise<Raw | "waiting" | undefined> {
    const sessionId = sessionOf(event);
    const room = sdkRoomId(roomId);
    if (sessionId === undefined || room === undefined || asRecord(event["content"])?.["ciphertext"] === undefined)
      return this.#refused(roomId, event, "it is not encrypted as rooms are");
    try {
      const wire = JSON.stringify(Object.fromEntries(WIRE.map((field) => [field, event[field]])));
      // Whoever is in the room is heard, on verified devices or not, as in other clients.
      const settings = new DecryptionSettings(TrustRequirement.Untrusted);
      const opened = await this.#machine.olm.decryptRoomEvent(wire, room, settings);
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
        this.#machine.crypto["perSessionBackupDownloader"].onDecryptionKeyMissingError(roomId, sessionId);
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
}

function sdkRoomId(roomId: string): RoomId | undefined {
  try {
    return new RoomId(roomId);
  } catch {
    return undefined;
  }
}
