import { createHmac, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const PREFIX = "ply_";
const AGENT_PREFIX = "prl_agent_";
const SECRET_BYTES = 32;
const CHECKSUM_CHARS = 8;
const SECRET_AND_CHECKSUM = /^[A-Za-z0-9_-]{43}[0-9a-f]{8}$/;

/** A new token: a prefix that scanners of source code know it by, 256 random bits and a checksum that tells a typing error from a guess. */
export function newApiToken(): string {
  return newToken(PREFIX);
}

/** As an API token, for an agent that dials in. */
export function newAgentToken(): string {
  return newToken(AGENT_PREFIX);
}

/** Whether a text can be a token at all, so that anything else costs no look into the ledger. */
export function isApiTokenText(text: string): boolean {
  return isToken(PREFIX, text);
}

export function isAgentTokenText(text: string): boolean {
  return isToken(AGENT_PREFIX, text);
}

/** Whether a text is meant as the token of an agent, however it was copied. */
export function looksLikeAgentToken(text: string): boolean {
  return text.startsWith(AGENT_PREFIX);
}

/** What is kept of a token: without the key, a copy of the ledger says nothing about it, not even whether a guess is right. */
export function hashApiToken(key: Buffer, token: string): string {
  return createHmac("sha256", key).update(token).digest("base64url");
}

function newToken(prefix: string): string {
  const body = prefix + randomBytes(SECRET_BYTES).toString("base64url");
  return body + checksumOf(body);
}

function isToken(prefix: string, text: string): boolean {
  return (
    text.startsWith(prefix) &&
    SECRET_AND_CHECKSUM.test(text.slice(prefix.length)) &&
    text.slice(-CHECKSUM_CHARS) === checksumOf(text.slice(0, -CHECKSUM_CHARS))
  );
}

function checksumOf(body: string): string {
  return crc32(body).toString(16).padStart(CHECKSUM_CHARS, "0");
}
