import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { ParleyError } from "../errors/parley-error.ts";

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts secrets for the ledger with AES-256-GCM, each bound to the place it belongs to. */
export interface SecretBox {
  seal(place: string, secrets: Readonly<Record<string, string>>): string;
  /** Errors: CREDENTIAL_MISSING when the ciphertext is damaged, belongs elsewhere or was sealed with another key. */
  open(place: string, sealed: string): Record<string, string>;
  sealBytes(place: string, bytes: Uint8Array): Buffer;
  /** Errors as `open`. */
  openBytes(place: string, sealed: Uint8Array): Buffer;
}

/** Creates a box over a 256-bit key; `place` is authenticated, so that ciphertext moved to another row does not open. */
export function createSecretBox(key: Buffer): SecretBox {
  function sealBytes(place: string, bytes: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
    const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
    return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), body]);
  }

  function openBytes(place: string, sealed: Uint8Array): Buffer {
    const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
    const tag = sealed.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES);
    try {
      if (sealed[0] !== VERSION) throw new Error("unknown version of the ciphertext");
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(place))
        .setAuthTag(tag);
      return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw new ParleyError("CREDENTIAL_MISSING", {
        cause,
        detail: `the stored secrets of ${place} cannot be opened; was the deployment's key (PARLEY_SECRET_KEY or data/secret.key) changed?`,
      });
    }
  }

  return {
    sealBytes,
    openBytes,
    seal: (place, secrets) => sealBytes(place, Buffer.from(JSON.stringify(secrets), "utf8")).toString("base64"),
    open(place, sealed) {
      const text = openBytes(place, Buffer.from(sealed, "base64")).toString("utf8");
      return JSON.parse(text) as Record<string, string>; // sealed here from exactly that type
    },
  };
}
