import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ParleyError } from "../../errors/parley-error.ts";
import { StatusSchema } from "../view-schemas.ts";
import { OPERATOR, type RouteContext, SECURED } from "./route-context.ts";

export interface SystemRouteContext extends RouteContext {
  readonly createSignInLink: (() => Promise<string>) | undefined;
}

/** The state of the whole system, and sign-in links for its owner. */
export const systemRoutes: FastifyPluginAsyncZod<SystemRouteContext> = async (
  server,
  { operations, createSignInLink },
) => {
  server.get(
    "/status",
    {
      ...OPERATOR,
      schema: {
        tags: ["system"],
        security: SECURED,
        summary: "Ledger, queue, platforms, work and rooms",
        response: { 200: StatusSchema },
      },
    },
    async () => operations.status(),
  );

  server.post(
    "/sign-in-links",
    {
      ...OPERATOR,
      schema: {
        tags: ["system"],
        security: SECURED,
        summary: "A new sign-in link for the owner",
        response: { 201: z.object({ link: z.string() }) },
      },
    },
    async (_request, reply) => {
      if (createSignInLink === undefined)
        throw new ParleyError("NOT_FOUND", { detail: "this process serves no web room" });
      return reply.code(201).send({ link: await createSignInLink() });
    },
  );
};
