import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { API_SCOPES } from "../../contracts/api-token.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import { StatusSchema } from "../view-schemas.ts";
import { needs, type RouteContext, SECURED } from "./route-context.ts";

export interface SystemRouteContext extends RouteContext {
  readonly createSignInLink: ((organizationId: string) => Promise<string>) | undefined;
}

/** The state of the whole system, and sign-in links for its owner. */
export const systemRoutes: FastifyPluginAsyncZod<SystemRouteContext> = async (
  server,
  { operations, createSignInLink },
) => {
  server.get(
    "/status",
    {
      ...needs("read"),
      schema: {
        tags: ["system"],
        security: SECURED,
        summary: "Ledger, queue, platforms, work and rooms",
        response: { 200: StatusSchema },
      },
    },
    async (request) => operations.status(callerOf(request).organizationId),
  );

  server.post(
    "/sign-in-links",
    {
      ...needs("access"),
      schema: {
        tags: ["system"],
        security: SECURED,
        summary: "A new sign-in link for the owner of the organization",
        response: { 201: z.object({ link: z.string() }) },
      },
    },
    async (request, reply) => {
      if (createSignInLink === undefined)
        throw new ParleyError("NOT_FOUND", { detail: "this process serves no web room" });
      const caller = callerOf(request);
      // Whoever holds the link is an owner, who may do everything: nobody gives more than they have (security rule R6).
      if (!API_SCOPES.every((scope) => caller.scopes.has(scope)))
        throw new ParleyError("PERMISSION_DENIED", { detail: "a link for the owner takes a token with every scope" });
      return reply.code(201).send({ link: await createSignInLink(caller.organizationId) });
    },
  );
};
