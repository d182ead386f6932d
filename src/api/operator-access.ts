import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { removeOperatorFile, writeOperatorFile } from "../config/operator-file.ts";
import type { Secret } from "../config/secret.ts";

const TOKEN_BYTES = 32;

/** The operator's bearer token: kept as a hash, compared in constant time, told to the command line by a file. */
export interface OperatorAccess {
  verify(presented: string): boolean;
  /** Tells the command line on this machine where Parley listens and with which token, by `operator.json` (mode 0600). */
  publish(url: string): void;
  /** Takes that back; safe to call twice. */
  retract(): void;
}

/** Guarantees a token of 256 bits, a new one for each process unless one is given. */
export function createOperatorAccess(options: {
  readonly dataFolder: string;
  readonly token?: Secret | undefined;
}): OperatorAccess {
  const token = options.token?.reveal() ?? `prl_op_${randomBytes(TOKEN_BYTES).toString("base64url")}`;
  const expected = digest(token);
  return {
    verify: (presented) => timingSafeEqual(digest(presented), expected),
    publish: (url) => writeOperatorFile(options.dataFolder, { url, token, pid: process.pid }),
    retract: () => removeOperatorFile(options.dataFolder),
  };
}

/** Equal lengths for any input, which a comparison in constant time needs. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
