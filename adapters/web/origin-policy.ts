import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";

/**
 * Whether a request comes from Parley's own page: its `Origin` is the public address, or without one the address that was asked.
 *
 * An address that was asked by a name is believed only for `localhost`: any other name could be an attacker's that was made
 * to point here (DNS rebinding), while an IP address cannot. A request without `Origin` is not from a page.
 */
export function isOwnOrigin(request: FastifyRequest, publicUrl: string | undefined): boolean {
  const { origin, host } = request.headers;
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin") return false;
  if (typeof origin !== "string" || !URL.canParse(origin)) return false;
  if (publicUrl !== undefined) return origin === new URL(publicUrl).origin;
  if (host === undefined) return false;
  const own = `${request.protocol}://${host}`;
  return URL.canParse(own) && origin === new URL(own).origin && isUnspoofable(new URL(own).hostname);
}

/** True for names that nobody can make lead here: `localhost`, and addresses in figures. */
export function isUnspoofable(hostname: string): boolean {
  return hostname === "localhost" || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
}

/** A read that another site's page began is refused too, but for a person who follows a link or opens a file in a tab. */
export function isForeignRead(request: FastifyRequest): boolean {
  const site = request.headers["sec-fetch-site"];
  return site === "cross-site" || site === "same-site";
}
