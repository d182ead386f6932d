import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

/** Tokens of reply addresses: each is good for one turn and proves itself, so that none has to be stored. */
export interface ReplyTokens {
  mint(turnId: string): string;
  /** The turn that a token is for; undefined when it was not minted here. */
  verify(token: string): string | undefined;
}

const TAG_BYTES = 32;

export function createReplyTokens(key: Buffer): ReplyTokens {
  const secret = createSecretKey(key);
  const tag = (turnId: string): Buffer => createHmac("sha256", secret).update(`reply|${turnId}`).digest();
  return {
    mint: (turnId) => `${Buffer.from(turnId).toString("base64url")}.${tag(turnId).toString("base64url")}`,
    verify(token) {
      const [id, proof, ...rest] = token.split(".");
      if (id === undefined || proof === undefined || rest.length > 0) return undefined;
      const turnId = Buffer.from(id, "base64url").toString("utf8");
      const given = Buffer.from(proof, "base64url");
      return given.length === TAG_BYTES && timingSafeEqual(given, tag(turnId)) ? turnId : undefined;
    },
  };
}
