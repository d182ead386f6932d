import { hkdfSync, randomBytes } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Secret } from "./secret.ts";

/** Name of the key file in the data folder. */
export const KEY_FILE = "secret.key";
const KEY_BYTES = 32;

export interface KeyFile {
  readonly secret: Secret;
  readonly source: "file" | "generated" | "absent";
  /** What is wrong with the file as it stands; the key is not to be used then. */
  readonly problem?: { readonly what: string; readonly fix: string };
}

/**
 * Guarantees the deployment's own key: the one of the data folder, else a new one that is written there with mode 0600.
 *
 * With `create` false nothing is written, and a missing file gives `absent` with a key for this process alone.
 * Two processes that create it at the same moment end up with the same key.
 */
export function openKeyFile(dataFolder: string, create: boolean): KeyFile {
  const file = path.join(dataFolder, KEY_FILE);
  const found = readKey(file);
  if (found !== undefined) return found;
  const fresh = randomBytes(KEY_BYTES).toString("base64url");
  if (!create) return { secret: new Secret(fresh), source: "absent" };
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  // A link into place either succeeds with the whole file or finds another's; a plain write could be seen half done.
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, `${fresh}\n`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, file);
    return { secret: new Secret(fresh), source: "generated" };
  } catch (error) {
    const winner = readKey(file);
    if (winner === undefined) throw error;
    return winner;
  } finally {
    unlinkSync(draft);
  }
}

function readKey(file: string): KeyFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const secret = new Secret(text);
  if (Buffer.from(text, "base64url").length < KEY_BYTES) {
    const fix = `restore ${file} from a backup; without it the stored platform tokens cannot be read`;
    return { secret, source: "file", problem: { what: "is shorter than 256 bits or damaged", fix } };
  }
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) === 0) return { secret, source: "file" };
  try {
    chmodSync(file, 0o600);
    return { secret, source: "file" };
  } catch {
    const what = `can be read by others (mode ${mode.toString(8)})`;
    return { secret, source: "file", problem: { what, fix: `chmod 600 ${file}` } };
  }
}

/** Guarantees independent 256-bit keys for different purposes, so that one key never serves two (HKDF-SHA-256, RFC 5869). */
export function deriveKey(secret: Secret, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret.reveal(), "parley", purpose, KEY_BYTES));
}
