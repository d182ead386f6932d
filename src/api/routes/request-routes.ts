import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { RequestOperations } from "../../contracts/request-operations.ts";
import { safeText } from "../../envelope/content.ts";
import { wireKey } from "../../envelope/ids.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import { ErrorSchema } from "../view-schemas.ts";
import { MAX_ID_CHARS, needs, SECURED } from "./route-context.ts";

const base = { tags: ["requests"], security: SECURED };
const Params = z.object({ id: wireKey(MAX_ID_CHARS) });
const State = z.enum(["open", "decided", "expired", "cancelled"]);
const MAX_LISTED = 500;
const MAX_ANSWER_CHARS = 10_000;

const RequestSchema = z.object({
  id: z.string(),
  agent: z.string(),
  kind: z.enum(["approval", "input"]),
  actionId: z.string(),
  platform: z.string(),
  conversationId: z.string(),
  channel: z.string(),
  turnId: z.string(),
  live: z.boolean(),
  state: State,
  stateReason: z.string().optional(),
  prompt: z.string().optional(),
  options: z
    .array(z.object({ id: z.string(), label: z.string(), effect: z.string() }))
    .readonly()
    .optional(),
  fields: z
    .array(z.object({ id: z.string(), label: z.string(), required: z.boolean() }))
    .readonly()
    .optional(),
  binding: z.string(),
  createdAt: z.string(),
  expiresAt: z.string(),
  decision: z
    .object({
      optionId: z.string().optional(),
      effect: z.string().optional(),
      by: z.string(),
      byName: z.string(),
      at: z.string(),
    })
    .optional(),
});
const DetailsSchema = RequestSchema.extend({ part: z.unknown() });

/** Questions of agents to people: listing, reading, and deciding with a person's rights. */
export const requestRoutes: FastifyPluginAsyncZod<{ readonly requests: RequestOperations }> = async (
  server,
  { requests },
) => {
  server.get(
    "/requests",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "Questions of agents to people, newest first",
        querystring: z.strictObject({
          state: State.optional(),
          limit: z.coerce.number().int().min(1).max(MAX_LISTED).optional(),
        }),
        response: { 200: z.object({ requests: z.array(RequestSchema).readonly() }) },
      },
    },
    async (request) => {
      const { state, limit } = request.query;
      return {
        requests: await requests.list(callerOf(request).organizationId, {
          ...(state === undefined ? {} : { state }),
          ...(limit === undefined ? {} : { limit }),
        }),
      };
    },
  );

  server.get(
    "/requests/:id",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "One question as it is shown",
        params: Params,
        response: { 200: DetailsSchema, 404: ErrorSchema },
      },
    },
    async (request) => await requests.show(callerOf(request).organizationId, request.params.id),
  );

  server.post(
    "/requests/:id/decision",
    {
      ...needs("talk"),
      schema: {
        ...base,
        summary: "Decide a question as the person whom the caller stands for; nobody has a right of their own to it",
        params: Params,
        body: z.strictObject({
          option: wireKey(64).optional(),
          fields: z.record(wireKey(64), safeText(MAX_ANSWER_CHARS)).optional(),
        }),
        response: { 200: DetailsSchema, 400: ErrorSchema, 403: ErrorSchema, 404: ErrorSchema, 409: ErrorSchema },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { option, fields } = request.body;
      const personId =
        caller.personId ?? (caller.id.startsWith("person:") ? caller.id.slice("person:".length) : undefined);
      if (personId === undefined)
        throw new ParleyError("PERMISSION_DENIED", {
          detail: "people decide: use a token that stands for one",
        });
      return await requests.decide(caller.organizationId, request.params.id, {
        personId,
        by: caller.id,
        ...(option === undefined ? {} : { optionId: option }),
        ...(fields === undefined ? {} : { fields }),
      });
    },
  );
};
