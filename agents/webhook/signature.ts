import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const PREFIX = "whsec_";
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

/** Guarantees a new secret of 32 random bytes in the form of Standard Webhooks. */
export function generateWebhookSecret(): string {
  return PREFIX + randomBytes(32).toString("base64");
}

/** Says whether a text is a secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. */
export function isWebhookSecret(text: string): boolean {
  if (!text.startsWith(PREFIX)) return false;
  const encoded = text.slice(PREFIX.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return false;
  const sizeBytes = Buffer.from(encoded, "base64").byteLength;
  return sizeBytes >= MIN_SECRET_BYTES && sizeBytes <= MAX_SECRET_BYTES;
}

/** What is signed: the id of the message, the unix time of the attempt in seconds, and the body as it is sent. */
export interface SignedContent {
  readonly id: string;
  readonly timestampSeconds: number;
  readonly body: string | Uint8Array;
}

/** Guarantees the `webhook-signature` header: one `v1` signature (HMAC-SHA256) per secret. Rules: Standard Webhooks 1.0, symmetric scheme. */
export function signContent(content: SignedContent, secrets: readonly string[]): string {
  return secrets.map((secret) => `v1,${hmacOf(content, secret).toString("base64")}`).join(" ");
}

/** Says in constant time per pair whether one of the header's `v1` signatures was made with one of the secrets. */
export function hasMatchingSignature(header: string, content: SignedContent, secrets: readonly string[]): boolean {
  const expected = secrets.map((secret) => hmacOf(content, secret));
  const given = header
    .split(" ")
    .filter((entry) => entry.startsWith("v1,"))
    .slice(0, 10)
    .map((entry) => Buffer.from(entry.slice(3), "base64"));
  return given.some((signature) =>
    expected.some((wanted) => signature.byteLength === wanted.byteLength && timingSafeEqual(signature, wanted)),
  );
}

function hmacOf(content: SignedContent, secret: string): Buffer {
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, "base64");
  return createHmac("sha256", key).update(`${content.id}.${content.timestampSeconds}.`).update(content.body).digest();
}
