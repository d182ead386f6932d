import { createHash, randomBytes } from "node:crypto";

/** The platform id of the installation's own identity, which stands for all agents. */
export const WEB_SELF_ID = "parley";
/** The platform's one space. */
export const WEB_SPACE_ID = "web";

/** A new id with 96 random bits; for rows, never for secrets. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString("base64url")}`;
}

/** A new secret of 256 random bits, fit for a cookie or a URL fragment. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** What is stored of a secret: whoever reads the ledger cannot sign in with it. A random secret needs no salt and no slow hash. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** A new name for a file in the uploads folder, which owes nothing to what a person typed. */
export function newStoredName(): string {
  return randomBytes(16).toString("hex");
}

// Twelve hues that keep 4.5:1 against white, so that a name in its colour can be read.
const COLORS = [
  "#b3261e",
  "#8c4a00",
  "#6d5e00",
  "#3c6a00",
  "#006d40",
  "#006a6a",
  "#00658e",
  "#2d5da8",
  "#4b57a9",
  "#6f4da0",
  "#8e437f",
  "#9c4146",
] as const;

/** The same colour for the same person on every page and process. */
export function colorOf(personId: string): string {
  const index = createHash("sha256").update(personId).digest().readUInt32BE(0) % COLORS.length;
  return COLORS[index] ?? COLORS[0];
}
