import type { FastifyRequest } from "fastify";
import type { ApiPrincipal } from "../contracts/api-token.ts";
import { ParleyError } from "../errors/parley-error.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guard of routes that need a scope; null on others. */
    caller: ApiPrincipal | null;
  }
}

/** Who calls a route that needs a scope. */
export function callerOf(request: FastifyRequest): ApiPrincipal {
  if (request.caller === null)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a route asked who calls it and has no guard" });
  return request.caller;
}
