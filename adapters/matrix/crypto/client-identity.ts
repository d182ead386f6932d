import type { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import { MatrixError } from "matrix-js-sdk/lib/http-api/errors.js";
import { Method } from "matrix-js-sdk/lib/http-api/method.js";
import type { Logger } from "../../../src/contracts/logger.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { asRecord, asString, type Raw } from "../raw.ts";
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
    const before = await requireOwnDevice(options);
    await openSecretStorage(options, before);
    await crossSign(options, before);
    if ((await published(options)).isSigned) return;
    await machine.crypto.crossSignDevice(deviceId);
    if (!(await published(options)).isSigned)
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: `the homeserver did not take the signature of device ${deviceId}`,
      });
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
    const isStored = (await secrets.storage.get("m.megolm_backup.v1")) !== undefined;
    if (found?.trustInfo.matchesDecryptionKey === true) {
      // Ended between making the backup and storing its key.
      if (!isStored) await crypto.bootstrapSecretStorage();
      return;
    }
    if (!isStored && info.count === 0) return await crypto.resetKeyBackup();
    if (!isStored) {
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

/** What the homeserver tells others about the account. What the machine knows of itself may never have arrived there. */
interface Published {
  /** The device's own key. */
  readonly device: string | undefined;
  readonly hasIdentity: boolean;
  /** The device is signed by the identity. */
  readonly isSigned: boolean;
}

async function published({ http, userId, deviceId }: IdentityOptions): Promise<Published> {
  const body = { device_keys: { [userId]: [deviceId] } };
  const answer = asRecord(await http.authedRequest<unknown>(Method.Post, "/keys/query", undefined, body));
  const mine = (part: string): Raw | undefined => asRecord(asRecord(answer?.[part])?.[userId]);
  const device = asRecord(mine("device_keys")?.[deviceId]);
  const signers = Object.keys(asRecord(mine("self_signing_keys")?.["keys"]) ?? {});
  const signatures = asRecord(asRecord(device?.["signatures"])?.[userId]);
  return {
    device: asString(asRecord(device?.["keys"])?.[`ed25519:${deviceId}`]),
    hasIdentity: mine("master_keys") !== undefined,
    isSigned: signers.some((signer) => signatures?.[signer] !== undefined),
  };
}

/** The homeserver's keys of this device must be the store's: others encrypt for those. */
async function requireOwnDevice(options: IdentityOptions): Promise<Published> {
  const { machine, userId, deviceId } = options;
  let known = await published(options);
  if (known.device === undefined) {
    await machine.crypto["outgoingRequestsManager"].doProcessOutgoingRequests();
    known = await published(options);
  }
  if (known.device === undefined)
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: `the homeserver did not take the keys of device ${deviceId}`,
    });
  if (known.device === ownKey(machine.olm)) return known;
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

async function openSecretStorage({ machine, secrets, userId }: IdentityOptions, before: Published): Promise<void> {
  const found = await secrets.storage.getKey();
  if (found !== null) {
    if (await secrets.storage.checkKey(secrets.privateKey, found[1])) return;
    throw refused(
      userId,
      "matrix.encryption.recoveryKey does not open the account's secret storage; give the account's own recovery key",
    );
  }
  if (before.hasIdentity && !(await holdsIdentity(machine)))
    throw refused(
      userId,
      "the account has an identity, but no secret storage that holds its keys. Set up recovery for it in the Matrix client that made it, and give that recovery key",
    );
  await machine.crypto.bootstrapSecretStorage({
    createSecretStorageKey: () => Promise.resolve({ privateKey: secrets.privateKey, keyInfo: {} }),
  });
}

async function crossSign({ machine, secrets, userId }: IdentityOptions, before: Published): Promise<void> {
  const { crypto, olm } = machine;
  const upload = { authUploadDeviceSigningKeys: (send: (auth: null) => Promise<void>) => send(null) };
  const held = await holdsIdentity(machine);
  if (!before.hasIdentity && held) {
    // Ended between making the keys and publishing them: the same again, never new ones.
    const requests = await olm.bootstrapCrossSigning(false);
    const processor = crypto["outgoingRequestProcessor"];
    await crypto.bootstrapCrossSigning(upload); // brings the private keys to secret storage
    if (requests.uploadKeysRequest !== undefined) await processor.makeOutgoingRequest(requests.uploadKeysRequest);
    await processor.makeOutgoingRequest(requests.uploadSigningKeysRequest, upload.authUploadDeviceSigningKeys);
    await processor.makeOutgoingRequest(requests.uploadSignaturesRequest);
  } else {
    const stored = (await secrets.storage.get("m.cross_signing.master")) !== undefined;
    if (before.hasIdentity && !held && !stored)
      throw refused(
        userId,
        "the account has an identity whose keys are not in its secret storage. Set up recovery for it again in a Matrix client, and give that recovery key",
      );
    // What is stored without being published was made by a device that is gone.
    await crypto.bootstrapCrossSigning({ ...upload, setupNewCrossSigning: !before.hasIdentity });
  }
  // The machine learns of its own identity as others do.
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
