import { createHmac } from "node:crypto";

/** Digests texts for the audit log: equal texts have equal digests, and without the key nothing about a text can be told from one. */
export type TextDigest = (text: string) => string;

/** HMAC-SHA-256 under a key of the deployment, base64url. */
export function createTextDigest(key: Buffer): TextDigest {
  return (text) => createHmac("sha256", key).update(text, "utf8").digest("base64url");
}
