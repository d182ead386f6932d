import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { wireKey } from "../../envelope/ids.ts";
import { ErrorSchema } from "../view-schemas.ts";
import type { RouteContext } from "./route-context.ts";

/** Largest deferred reply; larger artifacts are answered inline or as a stream. */
export const MAX_DEFERRED_REPLY_BYTES = 1_048_576;
const MAX_TOKEN_CHARS = 512;

/** Where an agent that answered 202 posts its reply; the token in the address is single-use and bound to one turn. */
export const replyRoutes: FastifyPluginAsyncZod<RouteContext> = async (server, { operations }) => {
  server.post(
    "/replies/:token",
    {
      config: { auth: "capability" },
      bodyLimit: MAX_DEFERRED_REPLY_BYTES,
      schema: {
        tags: ["replies"],
        summary: "Post the deferred reply of a turn: a whole reply, or { text }",
        params: z.object({ token: wireKey(MAX_TOKEN_CHARS) }),
        // Validated where the turn is known, so that every fault of a reply is judged by one rule.
        body: z.unknown(),
        response: {
          202: z.object({ turnId: z.string() }),
          400: ErrorSchema,
          401: ErrorSchema,
          409: ErrorSchema,
          413: ErrorSchema,
        },
      },
    },
    async ({ params, body }, reply) => reply.code(202).send(await operations.acceptDeferredReply(params.token, body)),
  );
};
