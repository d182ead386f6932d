import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { AuthPolicy } from "./auth-policy.ts";

/** Bodies of strangers that may be on their way at once (security rule R12). */
const MAX_OPEN_BODIES = 64;

/** Policies under which a body is read before it is known who sends it. */
const STRANGERS: ReadonlySet<AuthPolicy> = new Set(["adapter", "capability", "public"]);

declare module "fastify" {
  interface FastifyRequest {
    /** Set by an adapter's guard for a request of a person who is signed in. */
    signedIn?: boolean;
  }
}

export interface BodyGateOptions {
  /** Told of each request that had to go. */
  readonly evicted: (route: string) => void;
  /** Default 64. */
  readonly maxOpen?: number;
}

/**
 * Guarantees that at most 64 bodies of strangers are on their way at once: for one more the oldest has to go.
 *
 * An honest body is there a moment after its headers, so it is those who drip that go, and not those who come.
 */
export function boundOpenBodies(
  server: FastifyInstance,
  { evicted, maxOpen = MAX_OPEN_BODIES }: BodyGateOptions,
): void {
  const open = new Map<IncomingMessage, string>();
  server.addHook("preParsing", (request, _reply, payload, done) => {
    const { raw } = request;
    const { auth } = request.routeOptions.config;
    if (auth !== undefined && STRANGERS.has(auth) && request.signedIn !== true && hasBody(raw) && !raw.complete) {
      open.set(raw, request.routeOptions.url ?? "none");
      const settle = (): void => void open.delete(raw);
      raw.once("end", settle).once("close", settle);
      if (open.size > maxOpen) evictOldest();
    }
    done(null, payload);
  });

  function evictOldest(): void {
    for (const [oldest, route] of open) {
      open.delete(oldest);
      oldest.destroy();
      evicted(route);
      return;
    }
  }
}

function hasBody(raw: IncomingMessage): boolean {
  return raw.headers["transfer-encoding"] !== undefined || Number(raw.headers["content-length"] ?? 0) > 0;
}
