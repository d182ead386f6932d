import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { SafeText } from "../../envelope/content.ts";
import { wireKey } from "../../envelope/ids.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import { ErrorSchema, ExplanationSchema } from "../view-schemas.ts";
import { MAX_ID_CHARS, needs, OPERATOR, type RouteContext, SECURED } from "./route-context.ts";

const base = { tags: ["messages"], security: SECURED };
const Id = wireKey(MAX_ID_CHARS);

const CONVERSATION_ID = /^c_[0-9a-f]{24}$/;

function noConversation(): ParleyError {
  return new ParleyError("NOT_FOUND", {
    detail: 'there is no such conversation; its id begins with c_, and "parley status" and "parley explain" show it',
  });
}

/** Messages: following one through the pipeline, sending one as an agent, stopping what runs. */
export const messageRoutes: FastifyPluginAsyncZod<RouteContext> = async (server, { operations }) => {
  server.get(
    "/explain/:reference",
    {
      ...needs("audit"),
      schema: {
        ...base,
        summary: "The whole path of a message, by event, message or turn id",
        params: z.object({ reference: Id }),
        response: { 200: ExplanationSchema, 404: ErrorSchema },
      },
    },
    async (request) => {
      const explanation = await operations.explain(callerOf(request).organizationId, request.params.reference);
      if (explanation === undefined) {
        throw new ParleyError("NOT_FOUND", {
          detail: "no event, message or turn has this id; it may never have reached Parley",
        });
      }
      return explanation;
    },
  );

  server.get(
    "/turns/:id/request",
    {
      ...needs("agents"),
      schema: {
        ...base,
        summary: "What an agent would be given for a turn today, and what it answered then; runs and posts nothing",
        params: z.object({ id: Id }),
        response: {
          200: z.object({
            handle: z.string(),
            state: z.string(),
            request: z.looseObject({ turnId: z.string() }).describe("As deploy/schemas/turn-request says"),
            reply: z
              .array(z.looseObject({ type: z.string() }))
              .readonly()
              .optional(),
          }),
          403: ErrorSchema,
          404: ErrorSchema,
        },
      },
    },
    async (request) => {
      const { organizationId, id: by } = callerOf(request);
      const { request: turn, reply, ...rest } = await operations.turnAgain(organizationId, request.params.id, { by });
      return { ...rest, request: { ...turn }, ...(reply && { reply: reply.map((part) => ({ ...part })) }) };
    },
  );

  server.post(
    "/send",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "Post a text as an agent",
        body: z.strictObject({
          agent: wireKey(64),
          to: Id.describe("A conversation id, or platform:channel such as web:general"),
          text: SafeText.pipe(z.string().min(1)),
          idempotencyKey: wireKey(128).optional(),
        }),
        response: {
          202: z.object({ deliveryIds: z.array(z.string()).readonly() }),
          400: ErrorSchema,
          404: ErrorSchema,
        },
      },
    },
    async (request, reply) => {
      const { idempotencyKey, ...message } = request.body;
      const { organizationId, id: by } = callerOf(request);
      const sending = { ...message, organizationId, by, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
      return reply.code(202).send(await operations.send(sending));
    },
  );

  server.post(
    "/stop",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "Stop the running and queued turns of a conversation",
        body: z.strictObject({ conversationId: Id }),
        response: { 200: z.object({ stoppedTurns: z.number() }), 404: ErrorSchema },
      },
    },
    async (request) => {
      const { conversationId } = request.body;
      const { organizationId } = callerOf(request);
      if (!CONVERSATION_ID.test(conversationId)) throw noConversation();
      return operations.stop({ organizationId, conversationId, requestedBy: "operator" });
    },
  );
};
