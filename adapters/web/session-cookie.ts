import type { FastifyReply, FastifyRequest } from "fastify";

/** Browsers keep a `__Host-` cookie only when it is Secure, for this host alone and for all paths; plain HTTP has no such promise. */
function nameOf(secure: boolean): string {
  return secure ? "__Host-parley_session" : "parley_session";
}

/** Whether people reach the page by TLS. */
export function isSecure(request: FastifyRequest, publicUrl: string | undefined): boolean {
  return publicUrl === undefined ? request.protocol === "https" : publicUrl.startsWith("https:");
}

export function readSessionCookie(request: FastifyRequest, publicUrl: string | undefined): string | undefined {
  const token = request.cookies[nameOf(isSecure(request, publicUrl))];
  return token !== undefined && /^[A-Za-z0-9_-]{43}$/.test(token) ? token : undefined;
}

/** Sets the cookie so that no script reads it and no other site's request carries it. */
export function setSessionCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  cookie: { publicUrl: string | undefined; token: string; maxAgeMs: number },
): void {
  const secure = isSecure(request, cookie.publicUrl);
  reply.setCookie(nameOf(secure), cookie.token, {
    httpOnly: true,
    sameSite: "strict",
    secure,
    path: "/",
    maxAge: Math.floor(cookie.maxAgeMs / 1_000),
  });
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply, publicUrl: string | undefined): void {
  const secure = isSecure(request, publicUrl);
  reply.clearCookie(nameOf(secure), { httpOnly: true, sameSite: "strict", secure, path: "/" });
}
