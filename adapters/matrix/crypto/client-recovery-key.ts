import { randomBytes } from "node:crypto";
import { encodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import { ParleyError } from "../../../src/errors/parley-error.ts";

/** Makes the recovery key of an account that has none yet; whoever has it can act as the account and read its backup. */
export function createRecoveryKey(): string {
  const key = encodeRecoveryKey(randomBytes(32));
  if (key === undefined) throw new ParleyError("INVARIANT_BROKEN", { detail: "no recovery key could be made" });
  return key;
}
