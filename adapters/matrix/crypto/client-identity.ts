import type { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import { MatrixError } from "matrix-js-sdk/lib/http-api/errors.js";
import { Method } from "matrix-js-sdk/lib/http-api/method.js";
import type { Logger } from "../../../src/contracts/logger.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { asRecord, asString } from "../raw.ts";
import { notSent, type SdkHttp } from "./client-homeserver.ts";
import type { Machine } from "./client-machine.ts";
import type { SecretStorage } from "./client-secret-storage.ts";

export interface IdentityOptions {
  readonly machine: Machine;
  readonly http: SdkHttp;
  readonly secrets: SecretStorage;
  readonly userId: string;
  readonly deviceId: string;
  readonly logger: Logger;
}

/**
 * Makes the device one that others trust: signed by the account's own identity, with that identity's keys in secret storage.
 *
 * May be repeated, and ended at any point and begun again. Errors: CONFIG_INVALID when the recovery key is not the
 * account's, or when the device's keys are not the ones that the homeserver has; PLATFORM_*.
 */
export async function establishIdentity(options: IdentityOptions): Promise<void> {
  const { machine, userId, deviceId } = options;
  try {
    await requireOwnDevice(options);
    await openSecretStorage(options);
    await crossSign(options);
    const status = await machine.crypto.getDeviceVerificationStatus(userId, deviceId);
    if (status?.signedByOwner !== true) await machine.crypto.crossSignDevice(deviceId);
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    if (error instanceof MatrixError && error.httpStatus === 401 && asRecord(error.data)?.["flows"] !== undefined)
      throw refused(
        userId,
        "the homeserver asks for a password before it takes a new identity. Set up recovery for this account in a Matrix client once, and give its recovery key",
      );
    if (error instanceof MatrixError) throw notSent(error);
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: `the identity of ${userId} could not be set up`,
      cause: error,
    });
  }
}

/** Switches key backup on, with the account's own backup or a new one. What fails is left for the next start. */
export async function establishBackup({ machine: { crypto }, secrets, logger }: IdentityOptions): Promise<void> {
  try {
    const found = await crypto.checkKeyBackupAndEnable();
    const info = found?.backupInfo ?? (await crypto.getKeyBackupInfo());
    if (info === null) {
      if (await nothingThere(crypto)) await crypto.resetKeyBackup();
      return;
    }
    if (found?.trustInfo.matchesDecryptionKey === true) return;
    if ((await secrets.storage.get("m.megolm_backup.v1")) === undefined) {
      logger.warn({}, "the account's key backup has no key in secret storage; it is not used");
      return;
    }
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    await crypto.checkKeyBackupAndEnable();
  } catch (error) {
    logger.warn({ err: error }, "key backup could not be switched on; keys that are lost cannot come from there");
  }
}

/** Null is both no backup and no answer; only the first may be followed by a new one. */
async function nothingThere(crypto: Machine["crypto"]): Promise<boolean> {
  return (await crypto["backupManager"].requestKeyBackupVersion()) === null;
}

/** The homeserver's keys of this device must be the store's: others encrypt for those. */
async function requireOwnDevice({ machine, http, userId, deviceId }: IdentityOptions): Promise<void> {
  const published = async (): Promise<string | undefined> => {
    const body = { device_keys: { [userId]: [deviceId] } };
    const answer = await http.authedRequest<unknown>(Method.Post, "/keys/query", undefined, body);
    const devices = asRecord(asRecord(asRecord(answer)?.["device_keys"])?.[userId]);
    return asString(asRecord(asRecord(devices?.[deviceId])?.["keys"])?.[`ed25519:${deviceId}`]);
  };
  const known = await published();
  if (known === undefined) {
    await machine.crypto["outgoingRequestsManager"].doProcessOutgoingRequests();
    if ((await published()) === undefined)
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: `the homeserver did not take the keys of device ${deviceId}`,
      });
    return;
  }
  if (known === ownKey(machine.olm)) return;
  throw refused(
    userId,
    `device ${deviceId} was used before, with keys that are not in this ledger. Log the account in as a new device and give its access token; the recovery key brings the old keys back`,
  );
}

function ownKey(olm: OlmMachine): string {
  const keys = olm.identityKeys;
  try {
    return keys.ed25519.toBase64();
  } finally {
    keys.free();
  }
}

async function openSecretStorage({ machine, secrets, userId }: IdentityOptions): Promise<void> {
  const found = await secrets.storage.getKey();
  if (found !== null) {
    if (await secrets.storage.checkKey(secrets.privateKey, found[1])) return;
    throw refused(
      userId,
      "matrix.encryption.recoveryKey does not open the account's secret storage; give the account's own recovery key",
    );
  }
  if (!(await holdsIdentity(machine)) && (await machine.crypto.userHasCrossSigningKeys(userId, true)))
    throw refused(
      userId,
      "the account has an identity, but no secret storage that holds its keys. Set up recovery for it in the Matrix client that made it, and give that recovery key",
    );
  await machine.crypto.bootstrapSecretStorage({
    createSecretStorageKey: () => Promise.resolve({ privateKey: secrets.privateKey, keyInfo: {} }),
  });
}

async function crossSign({ machine, secrets, userId }: IdentityOptions): Promise<void> {
  const { crypto, olm } = machine;
  const upload = { authUploadDeviceSigningKeys: (send: (auth: null) => Promise<void>) => send(null) };
  const published = await crypto.userHasCrossSigningKeys(userId, true);
  const held = await holdsIdentity(machine);
  if (!published && held) {
    // Ended between making the keys and publishing them: the same again, never new ones.
    const requests = await olm.bootstrapCrossSigning(false);
    const processor = crypto["outgoingRequestProcessor"];
    await crypto.bootstrapCrossSigning(upload); // brings the private keys to secret storage
    if (requests.uploadKeysRequest !== undefined) await processor.makeOutgoingRequest(requests.uploadKeysRequest);
    await processor.makeOutgoingRequest(requests.uploadSigningKeysRequest, upload.authUploadDeviceSigningKeys);
    await processor.makeOutgoingRequest(requests.uploadSignaturesRequest);
    await crypto.userHasCrossSigningKeys(userId, true);
    return;
  }
  const stored = (await secrets.storage.get("m.cross_signing.master")) !== undefined;
  if (published && !held && !stored)
    throw refused(
      userId,
      "the account has an identity whose keys are not in its secret storage. Set up recovery for it again in a Matrix client, and give that recovery key",
    );
  // What is stored without being published was made by a device that is gone.
  await crypto.bootstrapCrossSigning({ ...upload, setupNewCrossSigning: !published });
  await crypto.userHasCrossSigningKeys(userId, true);
}

async function holdsIdentity({ olm }: Machine): Promise<boolean> {
  const status = await olm.crossSigningStatus();
  const held = status.hasMaster && status.hasSelfSigning && status.hasUserSigning;
  status.free();
  return held;
}

function refused(userId: string, why: string): ParleyError {
  return new ParleyError("CONFIG_INVALID", { detail: `${userId} cannot take part in encrypted rooms: ${why}` });
}
