import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";

/** How long somebody may take at the provider. */
const ATTEMPT_TTL_MS = 10 * 60_000;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const Attempt = z.strictObject({
  organizationId: z.string(),
  redirectUri: z.string(),
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  expiresAt: z.number(),
});
/** What this server must know when a browser comes back from the provider. */
export type OidcAttempt = Omit<z.infer<typeof Attempt>, "expiresAt">;

/** Plain HTTP, which loopback alone may be, cannot set a cookie of the `__Host-` kind. */
function nameOf(secure: boolean): string {
  return secure ? "__Host-parley_oidc" : "parley_oidc";
}

/** Keeps the attempt in the browser that began it, sealed: no other browser can come back in its place, and no process has to remember it. */
export function keepAttempt(
  reply: FastifyReply,
  { attempt, key, secure }: { attempt: OidcAttempt; key: Buffer; secure: boolean },
): void {
  const text = JSON.stringify({ ...attempt, expiresAt: Date.now() + ATTEMPT_TTL_MS });
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  reply.setCookie(nameOf(secure), Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url"), {
    ...OPTIONS,
    secure,
    maxAge: ATTEMPT_TTL_MS / 1_000,
  });
}

// Strict would keep the browser from sending it when the provider sends the person back.
const OPTIONS = { httpOnly: true, sameSite: "lax", path: "/" } as const;

/** The attempt that this browser began, and takes it from the browser: it is good once. */
export function takeAttempt(
  request: FastifyRequest,
  reply: FastifyReply,
  { key, secure }: { key: Buffer; secure: boolean },
): OidcAttempt | undefined {
  const sealed = Buffer.from(request.cookies[nameOf(secure)] ?? "", "base64url");
  reply.clearCookie(nameOf(secure), { ...OPTIONS, secure });
  if (sealed.length <= NONCE_BYTES + TAG_BYTES) return undefined;
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    const { expiresAt, ...attempt } = Attempt.parse(JSON.parse(text.toString("utf8")));
    return expiresAt > Date.now() ? attempt : undefined;
  } catch {
    return undefined;
  }
}
