import { createHmac, timingSafeEqual } from "node:crypto";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** Furthest a request's timestamp may be from now, in either direction, in s. */
export const MAX_CLOCK_DISTANCE_S = 300;

export interface SignedHead {
  readonly timestamp: string;
  readonly signature: Buffer;
}

/**
 * Checks what can be checked before the body is read: both headers are there, well formed, and the time is near.
 *
 * Throws SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNATURE_STALE.
 * https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export function readSignedHead(
  timestamp: string | undefined,
  signature: string | undefined,
  nowMs: number,
): SignedHead {
  if (!timestamp || !signature) throw new ParleyError("SIGNATURE_MISSING");
  if (!/^\d{1,12}$/u.test(timestamp) || !/^v0=[0-9a-f]{64}$/u.test(signature))
    throw new ParleyError("SIGNATURE_INVALID");
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > MAX_CLOCK_DISTANCE_S) throw new ParleyError("SIGNATURE_STALE");
  return { timestamp, signature: Buffer.from(signature.slice(3), "hex") };
}

/** Throws SIGNATURE_INVALID unless the raw bytes of the body carry the signature; takes the same time either way. */
export function verifyBody(head: SignedHead, body: Buffer, signingSecret: string): void {
  const expected = createHmac("sha256", signingSecret).update(`v0:${head.timestamp}:`).update(body).digest();
  if (!timingSafeEqual(expected, head.signature)) throw new ParleyError("SIGNATURE_INVALID");
}
