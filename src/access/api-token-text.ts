import { createHmac, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const PREFIX = "ply_";
const SECRET_BYTES = 32;
const CHECKSUM_CHARS = 8;
const SHAPE = /^ply_[A-Za-z0-9_-]{43}[0-9a-f]{8}$/;

/** A new token: a prefix that scanners of source code know it by, 256 random bits and a checksum that tells a typing error from a guess. */
export function newApiToken(): string {
  const body = PREFIX + randomBytes(SECRET_BYTES).toString("base64url");
  return body + checksumOf(body);
}

/** Whether a text can be a token at all, so that anything else costs no look into the ledger. */
export function isApiTokenText(text: string): boolean {
  return SHAPE.test(text) && text.slice(-CHECKSUM_CHARS) === checksumOf(text.slice(0, -CHECKSUM_CHARS));
}

/** What is kept of a token: without the key, a copy of the ledger says nothing about it, not even whether a guess is right. */
export function hashApiToken(key: Buffer, token: string): string {
  return createHmac("sha256", key).update(token).digest("base64url");
}

function checksumOf(body: string): string {
  return crc32(body).toString(16).padStart(CHECKSUM_CHARS, "0");
}
