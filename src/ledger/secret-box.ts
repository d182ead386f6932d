import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { ParleyError } from "../errors/parley-error.ts";

/** Before organizations had keys of their own; such rows are read, and sealed again by `resealSecrets`. */
const VERSION_ONE_KEY = 1;
const VERSION = 2;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The one place in the ledger that a secret belongs to. All of it is authenticated, so that ciphertext moved elsewhere does not open. */
export interface SecretPlace {
  readonly organizationId: string;
  /** The platform of an installation; `agent` for what agents are called with. */
  readonly platform: string;
  /** Id of the installation or the agent. */
  readonly installationId: string;
  /** `secrets`, or the key of what an adapter keeps, after `state:`. */
  readonly field: string;
}

/** Encrypts secrets for the ledger with AES-256-GCM, with a key of each organization and bound to their place. */
export interface SecretBox {
  seal(place: SecretPlace, secrets: Readonly<Record<string, string>>): string;
  /** Errors: CREDENTIAL_MISSING when the ciphertext is damaged, belongs elsewhere or was sealed with a key that is not known. */
  open(place: SecretPlace, sealed: string): Record<string, string>;
  sealBytes(place: SecretPlace, bytes: Uint8Array): Buffer;
  /** Errors as `open`. */
  openBytes(place: SecretPlace, sealed: Uint8Array): Buffer;
  /** What everything begins with that is sealed as it would be now. */
  readonly currentPrefix: Buffer;
}

interface Ring {
  readonly id: Buffer;
  readonly oldKey: Buffer;
  of(organizationId: string): Buffer;
}

/** Creates a box over 256-bit keys: the first seals and opens, the others open what was sealed when they were first. */
export function createSecretBox(key: Buffer, ...previous: readonly Buffer[]): SecretBox {
  const current = ringOf(key);
  const rings = [current, ...previous.map(ringOf)];
  const currentPrefix = Buffer.concat([Buffer.from([VERSION]), current.id]);

  function sealBytes(place: SecretPlace, bytes: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", current.of(place.organizationId), nonce);
    cipher.setAAD(boundTo(place, current.id));
    const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
    return Buffer.concat([currentPrefix, nonce, cipher.getAuthTag(), body]);
  }

  function openBytes(place: SecretPlace, sealed: Uint8Array): Buffer {
    try {
      if (sealed[0] === VERSION_ONE_KEY) return openOld(place, sealed);
      if (sealed[0] !== VERSION) throw new Error("unknown version of the ciphertext");
      const id = sealed.subarray(1, 1 + KEY_ID_BYTES);
      const ring = rings.find((one) => one.id.equals(id));
      if (ring === undefined) throw new Error("it was sealed with a key that is not known");
      return decrypt(ring.of(place.organizationId), boundTo(place, ring.id), sealed.subarray(1 + KEY_ID_BYTES));
    } catch (cause) {
      const where = `${place.platform} ${place.installationId} (${place.field}) of ${place.organizationId}`;
      throw new ParleyError("CREDENTIAL_MISSING", {
        cause,
        detail: `the stored secrets of ${where} cannot be opened; was the deployment's key (PARLEY_SECRET_KEY or data/secret.key) changed without PARLEY_PREVIOUS_SECRET_KEY?`,
      });
    }
  }

  /** Such a row does not say which key it has. */
  function openOld(place: SecretPlace, sealed: Uint8Array): Buffer {
    const bound = Buffer.from(oldPlace(place));
    let failure: unknown;
    for (const ring of rings) {
      try {
        return decrypt(ring.oldKey, bound, sealed.subarray(1));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  return {
    currentPrefix,
    sealBytes,
    openBytes,
    seal: (place, secrets) => sealBytes(place, Buffer.from(JSON.stringify(secrets), "utf8")).toString("base64"),
    open(place, sealed) {
      const text = openBytes(place, Buffer.from(sealed, "base64")).toString("utf8");
      return JSON.parse(text) as Record<string, string>; // sealed here from exactly that type
    },
  };
}

/** Where an agent's secrets belong. */
export function agentSecrets(organizationId: string, agentId: string): SecretPlace {
  return { organizationId, platform: "agent", installationId: agentId, field: "secrets" };
}

function ringOf(key: Buffer): Ring {
  const derive = (purpose: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync("sha256", key, "parley ledger", purpose, bytes));
  const made = new Map<string, Buffer>();
  return {
    id: derive("key id", KEY_ID_BYTES),
    oldKey: key,
    of(organizationId) {
      const own = made.get(organizationId) ?? derive(`organization ${organizationId}`, KEY_BYTES);
      made.set(organizationId, own);
      return own;
    },
  };
}

function boundTo({ organizationId, platform, installationId, field }: SecretPlace, keyId: Buffer): Buffer {
  return Buffer.from(JSON.stringify([organizationId, platform, installationId, field, keyId.toString("hex")]));
}

function oldPlace({ platform, installationId, field }: SecretPlace): string {
  if (field.startsWith("state:"))
    return `adapter state|${JSON.stringify([installationId, field.slice("state:".length)])}`;
  return platform === "agent" ? `agent|${installationId}` : `installation|${installationId}`;
}

function decrypt(key: Buffer, bound: Buffer, sealed: Uint8Array): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
}
