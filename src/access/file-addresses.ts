import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { ParleyError } from "../errors/parley-error.ts";

/** Which file an address is for, and until when. */
export interface FileGrant {
  readonly turnId: string;
  readonly platform: string;
  readonly installationId: string;
  readonly mediaId: string;
  readonly name: string;
  readonly expiresAtMs: number;
}

/** Signed addresses of files: each proves itself, so that none has to be stored, and is good for one fetch. */
export interface FileAddresses {
  mint(grant: FileGrant): string;
  /** Takes the address for one fetch. Throws NOT_FOUND for one that was not minted here, is over, or was used by this process. */
  redeem(token: string): FileGrant;
  /** Gives it back after a fetch that failed. */
  release(token: string): void;
}

const TAG_BYTES = 32;
/** An address is remembered until it is over anyway; more than this at once are not. */
const MAX_USED = 100_000;
const Packed = z.tuple([z.string(), z.string(), z.string(), z.string(), z.string(), z.number()]);

export function createFileAddresses(key: Buffer, nowMs: () => number = Date.now): FileAddresses {
  const used = new Map<string, number>();
  const secret = createSecretKey(key);
  const tag = (packed: string): Buffer => createHmac("sha256", secret).update(`file|${packed}`).digest();

  function forgetOver(): void {
    for (const [token, expiresAtMs] of used) if (expiresAtMs < nowMs()) used.delete(token);
    // Rather one fetch too many than memory without end; the turn's end closes all of them.
    if (used.size >= MAX_USED) used.clear();
  }

  return {
    mint({ turnId, platform, installationId, mediaId, name, expiresAtMs }) {
      const packed = Buffer.from(
        JSON.stringify([turnId, platform, installationId, mediaId, name.slice(0, 100), expiresAtMs]),
      ).toString("base64url");
      return `${packed}.${tag(packed).toString("base64url")}`;
    },
    redeem(token) {
      const grant = verify(token, tag);
      if (grant === undefined || grant.expiresAtMs < nowMs() || used.has(token))
        throw new ParleyError("NOT_FOUND", { detail: "this address was used, is over, or was never given out" });
      if (used.size >= MAX_USED) forgetOver();
      used.set(token, grant.expiresAtMs);
      return grant;
    },
    release: (token) => void used.delete(token),
  };
}

function verify(token: string, tag: (packed: string) => Buffer): FileGrant | undefined {
  const [packed, proof, ...rest] = token.split(".");
  if (packed === undefined || proof === undefined || rest.length > 0) return undefined;
  const given = Buffer.from(proof, "base64url");
  if (given.length !== TAG_BYTES || !timingSafeEqual(given, tag(packed))) return undefined;
  const parsed = Packed.safeParse(JSON.parse(Buffer.from(packed, "base64url").toString("utf8")));
  if (!parsed.success) return undefined;
  const [turnId, platform, installationId, mediaId, name, expiresAtMs] = parsed.data;
  return { turnId, platform, installationId, mediaId, name, expiresAtMs };
}
