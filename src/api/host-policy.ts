import { isIP } from "node:net";
import type { FastifyInstance } from "fastify";
import { ParleyError } from "../errors/parley-error.ts";
import { isLoopbackHost } from "./loopback-host.ts";

export interface HostPolicy {
  readonly host: string;
  readonly publicUrl?: string | undefined;
  readonly allowedHosts: readonly string[];
}

/**
 * Guarantees that routes without a verification of their own answer to Parley's names alone, so that a page whose name was made to
 * lead here (DNS rebinding) reads nothing.
 *
 * Its names are `localhost`, every address in figures (a name cannot be made to look like one), the public address and the allowed
 * hosts. Checked where Parley listens on this machine alone or hosts were named; elsewhere names are the operator's proxies' matter.
 */
export function refuseForeignHosts(server: FastifyInstance, policy: HostPolicy): void {
  if (!isLoopbackHost(policy.host) && policy.allowedHosts.length === 0) return;
  const names = new Set(policy.allowedHosts.map((name) => name.toLowerCase()));
  if (policy.publicUrl !== undefined) names.add(new URL(policy.publicUrl).hostname);
  server.addHook("onRequest", (request, _reply, done) => {
    if (isOwn(request.headers.host, names)) return done();
    return done(
      new ParleyError("PERMISSION_DENIED", {
        detail: "Parley has another name: set PARLEY_PUBLIC_URL, or add this one to PARLEY_ALLOWED_HOSTS",
      }),
    );
  });
}

function isOwn(host: string | undefined, names: ReadonlySet<string>): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const name = new URL(`http://${host}`).hostname;
  if (name === "localhost" || name.endsWith(".localhost") || isIP(name.replace(/^\[|\]$/g, "")) !== 0) return true;
  return names.has(name) || [...names].some((own) => own.startsWith("*.") && name.endsWith(own.slice(1)));
}
