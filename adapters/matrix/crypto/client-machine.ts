import { createHmac } from "node:crypto";
import type { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import { initRustCrypto } from "matrix-js-sdk/lib/rust-crypto/index.js";
import type { RustCrypto } from "matrix-js-sdk/lib/rust-crypto/rust-crypto.js";
import type { Logger } from "../../../src/contracts/logger.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { SdkHttp } from "./client-homeserver.ts";
import { sdkLogger } from "./client-logger.ts";
import type { SecretStorage } from "./client-secret-storage.ts";
import type { DurableIndexedDb } from "./durable-indexed-db.ts";
import { withIndexedDb } from "./lent-indexed-db.ts";

/** The device's keys and sessions, and the SDK's work on them. */
export interface Machine {
  /** Cross-signing, key backup and secret storage. */
  readonly crypto: RustCrypto;
  /** Everything else is asked of the machine itself. */
  readonly olm: OlmMachine;
}

export interface MachineOptions {
  readonly userId: string;
  readonly deviceId: string;
  /** What the store's key is made of. */
  readonly storeSecret: string;
  readonly http: SdkHttp;
  readonly secretStorage: SecretStorage;
  readonly database: DurableIndexedDb;
  readonly logger: Logger;
}

/**
 * Opens a device's machine in its store, new or as it was.
 *
 * Errors: CONFIG_INVALID when the store was made with another secret.
 */
export async function openMachine(options: MachineOptions): Promise<Machine> {
  const { userId, deviceId, storeSecret, http, secretStorage, database, logger } = options;
  const crypto = await withIndexedDb(database, () =>
    initRustCrypto({
      logger: sdkLogger(logger),
      http,
      userId,
      deviceId,
      secretStorage: secretStorage.storage,
      cryptoCallbacks: secretStorage.callbacks,
      storePrefix: `${userId}/${deviceId}`,
      storeKey: storeKey(storeSecret, userId, deviceId),
    }),
  ).catch((error: unknown) => {
    const words = error instanceof Error ? error.message : String(error);
    if (!/decrypt|cipher|unpickl/iu.test(words)) throw error;
    throw new ParleyError("CONFIG_INVALID", {
      detail: `the crypto store of ${userId} on device ${deviceId} cannot be opened: it was made with another key. Give the recovery key that was set when this device was first used, or log in as a new device`,
      cause: error,
    });
  });
  // The SDK keeps the machine to itself; it is one and the same, and has no other way in.
  return { crypto, olm: crypto["olmMachine"] };
}

/** Ends the SDK's work on the machine. */
export async function closeMachine({ crypto }: Machine): Promise<void> {
  // The SDK began this by itself, and hears no failure of it: with the machine gone it would end the process.
  await crypto["backupManager"]["keyBackupCheckInProgress"]?.catch(() => undefined);
  crypto.stop();
}

/** 32 bytes, another for each device. */
function storeKey(secret: string, userId: string, deviceId: string): Uint8Array {
  return createHmac("sha256", secret).update(`parley matrix crypto store\0${userId}\0${deviceId}`).digest();
}
