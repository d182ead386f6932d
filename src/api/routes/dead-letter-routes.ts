import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { wireKey } from "../../envelope/ids.ts";
import { callerOf } from "../caller.ts";
import { DeadLetterSchema, DeadLetterState, ErrorSchema, ReplayVerdictSchema } from "../view-schemas.ts";
import { MAX_ID_CHARS, needs, OPERATOR, type RouteContext, SECURED } from "./route-context.ts";

const Params = z.object({ id: wireKey(MAX_ID_CHARS) });
const MAX_LISTED = 500;
const base = { tags: ["dead letters"], security: SECURED };

/** Dead letters: listing, reading, replaying and discarding. */
export const deadLetterRoutes: FastifyPluginAsyncZod<RouteContext> = async (server, { operations }) => {
  server.get(
    "/dead-letters",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "Dead letters, newest first",
        querystring: z.strictObject({
          state: DeadLetterState.optional(),
          limit: z.coerce.number().int().min(1).max(MAX_LISTED).optional(),
          code: wireKey(64).optional(),
        }),
        response: { 200: z.object({ deadLetters: z.array(DeadLetterSchema).readonly() }) },
      },
    },
    async (request) => {
      const { query } = request;
      const options = {
        ...(query.state === undefined ? {} : { state: query.state }),
        ...(query.limit === undefined ? {} : { limit: query.limit }),
        ...(query.code === undefined ? {} : { code: query.code }),
      };
      return { deadLetters: await operations.deadLetters.list(callerOf(request).organizationId, options) };
    },
  );

  server.get(
    "/dead-letters/:id",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "One dead letter with what arrived",
        params: Params,
        response: { 200: DeadLetterSchema.extend({ raw: z.string().optional() }), 404: ErrorSchema },
      },
    },
    async (request) => operations.deadLetters.show(callerOf(request).organizationId, request.params.id),
  );

  server.get(
    "/dead-letters/:id/replay",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "What a replay would do today, and the rule that would stop it; changes nothing",
        params: Params,
        response: { 200: ReplayVerdictSchema, 404: ErrorSchema },
      },
    },
    async (request) => operations.deadLetters.weigh(callerOf(request).organizationId, request.params.id),
  );

  server.post(
    "/dead-letters/:id/replay",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "Run the work again under the same identity and under today's rights",
        params: Params,
        response: { 200: DeadLetterSchema, 403: ErrorSchema, 404: ErrorSchema, 409: ErrorSchema },
      },
    },
    async (request) => {
      const { organizationId, id: by } = callerOf(request);
      return operations.deadLetters.replay(organizationId, request.params.id, { by });
    },
  );

  server.post(
    "/dead-letters/:id/discard",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "Close it without repeating the work",
        params: Params,
        response: { 200: DeadLetterSchema, 404: ErrorSchema, 409: ErrorSchema },
      },
    },
    async (request) => operations.deadLetters.discard(callerOf(request).organizationId, request.params.id),
  );
};
