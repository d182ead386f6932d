import { createHash, randomBytes, webcrypto } from "node:crypto";
import {
  ClientEvent,
  createClient,
  type MatrixClient,
  MatrixEvent,
  MemoryStore,
  RoomEvent as SdkEvent,
  SyncState,
} from "matrix-js-sdk";
import { type Logger, logger as sharedLogger } from "matrix-js-sdk/lib/logger.js";
import type { MatrixAccount } from "./accounts.ts";
import { MatrixPerson, type Words } from "./person.ts";
import type { RoomEvent } from "./room-log.ts";

const quiet = (): void => undefined;
const silent: Logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, getChild: () => silent };
/** Longest time until the client knows what it has to know of a room, in ms. */
const PATIENCE_MS = 20_000;

interface EncryptedFile {
  readonly url: string;
  readonly key: { readonly k: string };
  readonly iv: string;
}

/** A person whose client encrypts in encrypted rooms: the SDK of Element Web with keys in memory, and a device that signs itself. */
export class EncryptedPerson extends MatrixPerson {
  readonly #client: MatrixClient;

  private constructor(url: string, account: MatrixAccount, client: MatrixClient) {
    super(url, account);
    this.#client = client;
  }

  /** Resolves when the client is in sync. */
  static async start(url: string, account: MatrixAccount): Promise<EncryptedPerson> {
    const { userId, accessToken, deviceId } = account;
    // Parts of the SDK write into a log that all clients of the process share.
    if ("setLevel" in sharedLogger && typeof sharedLogger.setLevel === "function")
      sharedLogger.setLevel("silent", false);
    const store = new MemoryStore();
    const client = createClient({ baseUrl: url, userId, accessToken, deviceId, store, logger: silent });
    await client.initRustCrypto({ useIndexedDB: false });
    await client.startClient({ initialSyncLimit: 1_000 });
    const person = new EncryptedPerson(url, account, client);
    await person.#until(() =>
      [SyncState.Prepared, SyncState.Syncing].includes(client.getSyncState() ?? SyncState.Error),
    );
    return person;
  }

  stop(): void {
    this.#client.stopClient();
  }

  /** Waits until the client knows of the room's encryption and that the others are in it, so that they get its keys. */
  async sees(roomId: string, others: readonly string[]): Promise<void> {
    await this.#until(() => {
      const room = this.#client.getRoom(roomId);
      if (room === null || !room.hasEncryptionStateEvent()) return false;
      return others.every((userId) => room.getMember(userId)?.membership === "join");
    });
  }

  /** The next message in the room begins a new session, whose key has to be sent first. */
  async rotate(roomId: string): Promise<void> {
    await this.#client.getCrypto()?.forceDiscardSession(roomId);
  }

  /** Waits until the client has heard of a device, so that it gets the keys of what is said next. */
  async knowsDevice(userId: string, deviceId: string): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const devices = await this.#client.getCrypto()?.getUserDeviceInfo([userId]);
      if (devices?.get(userId)?.has(deviceId) === true) return;
      if (performance.now() > deadlineMs) throw new Error(`${this.userId} does not know the device ${deviceId}`);
      await this.#change();
    }
  }

  /** Reactions go in plain, as all clients send them. */
  override async send(roomId: string, type: string, content: object): Promise<string> {
    if (type === "m.reaction") return await super.send(roomId, type, content);
    // Typed by the events that the SDK knows; what people send here is anything.
    const { event_id: eventId } = await this.#client.sendEvent(roomId, type as never, content as never);
    return eventId;
  }

  override async sendFile(
    roomId: string,
    file: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string },
    words: Words & { readonly caption?: string } = {},
  ): Promise<string> {
    const sealed = await sealFile(file.bytes);
    const url = await this.upload("sealed", sealed.bytes, "application/octet-stream");
    return await this.send(roomId, "m.room.message", {
      msgtype: words.msgtype ?? (file.mediaType.startsWith("image/") ? "m.image" : "m.file"),
      body: words.caption ?? file.name,
      filename: file.name,
      file: { ...sealed.file, url },
      info: { mimetype: file.mediaType, size: file.bytes.length },
      "m.mentions": {},
      ...(words.thread === undefined
        ? {}
        : {
            "m.relates_to": {
              rel_type: "m.thread",
              event_id: words.thread,
              is_falling_back: true,
              "m.in_reply_to": { event_id: words.thread },
            },
          }),
    });
  }

  /** The event as the person reads it; what cannot be decrypted within a time stays as it is. */
  async open(event: RoomEvent): Promise<RoomEvent> {
    const held = await this.#held(event);
    return { ...event, type: held.getType(), content: held.getContent() };
  }

  /** Whether the person's own push rules take the event for a mention: of encrypted ones the homeserver cannot say. */
  async isMentionedBy(event: RoomEvent): Promise<boolean> {
    const actions = this.#client.getPushActionsForEvent(await this.#held(event), true);
    return actions?.tweaks?.highlight === true;
  }

  /** Bytes of an encrypted file. */
  async openFile(file: unknown): Promise<Uint8Array<ArrayBuffer>> {
    const { url, key, iv } = file as EncryptedFile; // the form of encrypted files
    const sealed = await this.api.bytes(`/_matrix/client/v1/media/download/${url.slice("mxc://".length)}`);
    const secret = await importKey(key.k, ["decrypt"]);
    return new Uint8Array(await webcrypto.subtle.decrypt(counterOf(Buffer.from(iv, "base64")), secret, sealed));
  }

  async #held(event: RoomEvent): Promise<MatrixEvent> {
    const held = new MatrixEvent({ ...event } as ConstructorParameters<typeof MatrixEvent>[0]); // read from the homeserver
    if (event.type !== "m.room.encrypted") return held;
    const deadlineMs = performance.now() + PATIENCE_MS;
    await this.#client.decryptEventIfNeeded(held);
    while (held.isDecryptionFailure() && performance.now() < deadlineMs) {
      await this.#change();
      await this.#client.decryptEventIfNeeded(held, { isRetry: true });
    }
    return held;
  }

  async #until(holds: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!holds()) {
      if (performance.now() > deadlineMs) throw new Error(`${this.userId} does not see what it should`);
      await this.#change();
    }
  }

  /** Until something comes in; looks again after a while in any case. */
  async #change(): Promise<void> {
    const client = this.#client;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        client.off(ClientEvent.Sync, done);
        client.off(SdkEvent.Timeline, done);
        resolve();
      };
      const timer = setTimeout(done, 200);
      client.on(ClientEvent.Sync, done);
      client.on(SdkEvent.Timeline, done);
    });
  }
}

/** https://spec.matrix.org/v1.19/client-server-api/#sending-encrypted-attachments */
async function sealFile(bytes: Uint8Array<ArrayBuffer>): Promise<{ bytes: Uint8Array<ArrayBuffer>; file: object }> {
  const k = randomBytes(32).toString("base64url");
  // The counter's half of the block begins at zero.
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const sealed = new Uint8Array(await webcrypto.subtle.encrypt(counterOf(iv), await importKey(k, ["encrypt"]), bytes));
  const sha256 = createHash("sha256").update(sealed).digest("base64").replace(/=+$/u, "");
  return {
    bytes: sealed,
    file: {
      v: "v2",
      key: { kty: "oct", alg: "A256CTR", ext: true, key_ops: ["encrypt", "decrypt"], k },
      iv: iv.toString("base64").replace(/=+$/u, ""),
      hashes: { sha256 },
    },
  };
}

function importKey(k: string, uses: ["encrypt"] | ["decrypt"]): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("raw", Buffer.from(k, "base64url"), "AES-CTR", false, uses);
}

function counterOf(iv: Buffer): { name: string; counter: Uint8Array<ArrayBuffer>; length: number } {
  return { name: "AES-CTR", counter: new Uint8Array(iv), length: 64 };
}
