import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ApiScope, type ApiTokenOperations } from "../../contracts/api-token.ts";
import { wireKey } from "../../envelope/ids.ts";
import { callerOf } from "../caller.ts";
import { ErrorSchema } from "../view-schemas.ts";
import { MAX_ID_CHARS, needs, SECURED } from "./route-context.ts";

export interface TokenRouteContext {
  readonly tokens: ApiTokenOperations;
}

const MAX_DAYS = 3_650;
const MAX_NAME_CHARS = 80;
const Params = z.object({ id: wireKey(MAX_ID_CHARS) });
const base = { tags: ["tokens"], security: SECURED };
const ApiTokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(ApiScope).readonly(),
    personId: z.string().optional(),
    createdBy: z.string(),
    createdAt: z.string(),
    expiresAt: z.string().optional(),
    rotatedAt: z.string().optional(),
    lastUsedAt: z.string().optional(),
    revokedAt: z.string().optional(),
  })
  .describe("A token of the API without its secret");
const WithSecret = z.object({ token: ApiTokenSchema, secret: z.string() });

/** Tokens of the API: listing, making, renewing and revoking. */
export const tokenRoutes: FastifyPluginAsyncZod<TokenRouteContext> = async (server, { tokens }) => {
  server.get(
    "/tokens",
    {
      ...needs("access"),
      schema: {
        ...base,
        summary: "All tokens of the organization, revoked ones included",
        response: { 200: z.object({ tokens: z.array(ApiTokenSchema).readonly() }) },
      },
    },
    async (request) => ({ tokens: await tokens.list(callerOf(request)) }),
  );

  server.post(
    "/tokens",
    {
      ...needs("access"),
      schema: {
        ...base,
        summary: "Make a token with scopes that the caller has; its secret is shown in this answer and never again",
        body: z.strictObject({
          name: wireKey(MAX_NAME_CHARS),
          scopes: z.array(ApiScope).min(1).max(20),
          expiresInDays: z.number().int().min(1).max(MAX_DAYS).optional(),
          /** Id or name of the person whom a token with the scope talk stands for. */
          as: z.string().min(1).max(MAX_NAME_CHARS).optional(),
          /** Name of an external guest whom it stands for instead; made when there is none. */
          guest: wireKey(MAX_NAME_CHARS).optional(),
        }),
        response: { 201: WithSecret, 400: ErrorSchema, 403: ErrorSchema },
      },
    },
    async (request, reply) => {
      const { expiresInDays, as, guest, ...token } = request.body;
      const made = await tokens.create(callerOf(request), {
        ...token,
        ...(expiresInDays === undefined ? {} : { expiresInDays }),
        ...(as === undefined ? {} : { as }),
        ...(guest === undefined ? {} : { guest }),
      });
      return reply.code(201).send(made);
    },
  );

  server.post(
    "/tokens/:id/rotate",
    {
      ...needs("access"),
      schema: {
        ...base,
        summary: "Give a token a new secret; the one before is refused at once",
        params: Params,
        response: { 200: WithSecret, 403: ErrorSchema, 404: ErrorSchema },
      },
    },
    async (request) => tokens.rotate(callerOf(request), request.params.id),
  );

  server.delete(
    "/tokens/:id",
    {
      ...needs("access"),
      schema: {
        ...base,
        summary: "Revoke a token at once",
        params: Params,
        response: { 204: z.null(), 404: ErrorSchema },
      },
    },
    async (request, reply) => {
      await tokens.revoke(callerOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
};
