import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/** What a token of tools is bound to; it is good for nothing else. */
export interface ToolGrant {
  readonly turnId: string;
  readonly epoch: number;
  readonly agentId: string;
  readonly conversationId: string;
  /** Unix time in ms. */
  readonly expiresAtMs: number;
}

/** Tokens of the tools of one attempt of a turn. They prove themselves, so that none is stored; whether the turn still runs is asked of the ledger. */
export interface ToolTokens {
  mint(grant: ToolGrant): string;
  /** What a token is for; undefined when it was not minted here or has expired. */
  verify(token: string, nowMs: number): ToolGrant | undefined;
}

const PREFIX = "plt_";
const TAG_BYTES = 32;
const MAX_TOKEN_CHARS = 1_024;
const Claims = z.tuple([z.string().min(1), z.int().min(1), z.string().min(1), z.string().min(1), z.int()]);

export function createToolTokens(key: Buffer): ToolTokens {
  const secret = createSecretKey(key);
  const tag = (claims: string): Buffer => createHmac("sha256", secret).update(`tools|${claims}`).digest();
  return {
    mint({ turnId, epoch, agentId, conversationId, expiresAtMs }) {
      const claims = Buffer.from(JSON.stringify([turnId, epoch, agentId, conversationId, expiresAtMs])).toString(
        "base64url",
      );
      return `${PREFIX}${claims}.${tag(claims).toString("base64url")}`;
    },
    verify(token, nowMs) {
      if (!token.startsWith(PREFIX) || token.length > MAX_TOKEN_CHARS) return undefined;
      const [claims, proof, ...rest] = token.slice(PREFIX.length).split(".");
      if (claims === undefined || proof === undefined || rest.length > 0) return undefined;
      const given = Buffer.from(proof, "base64url");
      if (given.length !== TAG_BYTES || !timingSafeEqual(given, tag(claims))) return undefined;
      // Proven to be what was minted here; read as anything that comes from outside all the same.
      const parsed = Claims.safeParse(JSON.parse(Buffer.from(claims, "base64url").toString("utf8")));
      if (!parsed.success) return undefined;
      const [turnId, epoch, agentId, conversationId, expiresAtMs] = parsed.data;
      return expiresAtMs > nowMs ? { turnId, epoch, agentId, conversationId, expiresAtMs } : undefined;
    },
  };
}
