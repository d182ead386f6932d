import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { ScheduleOperations } from "../../contracts/schedule-operations.ts";
import { SafeText } from "../../envelope/content.ts";
import { wireKey } from "../../envelope/ids.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import { ErrorSchema } from "../view-schemas.ts";
import { MAX_ID_CHARS, needs, OPERATOR, SECURED } from "./route-context.ts";

const base = { tags: ["schedules"], security: SECURED };
const Id = wireKey(MAX_ID_CHARS);
const Schedule = z.object({
  id: z.string(),
  agent: z.string(),
  conversationId: z.string(),
  requestedBy: z.string(),
  requestedByName: z.string(),
  task: z.string(),
  everyMs: z.number().optional(),
  dueAt: z.string(),
  firings: z.number(),
});

/** What agents do without a message: their schedules, and tasks from outside. */
export const scheduleRoutes: FastifyPluginAsyncZod<{ readonly schedules: ScheduleOperations }> = async (
  server,
  { schedules },
) => {
  server.get(
    "/schedules",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "What agents will do later, the next one first",
        querystring: z.strictObject({ agent: wireKey(64).optional() }),
        response: { 200: z.object({ schedules: z.array(Schedule).readonly() }), 404: ErrorSchema },
      },
    },
    async (request) => {
      const { agent } = request.query;
      const of = agent === undefined ? {} : { agent };
      return { schedules: await schedules.list(callerOf(request).organizationId, of) };
    },
  );

  server.delete(
    "/schedules/:id",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "End a schedule",
        params: z.object({ id: Id }),
        response: { 204: z.null(), 404: ErrorSchema },
      },
    },
    async (request, reply) => {
      const { organizationId, id: by } = callerOf(request);
      await schedules.cancel(organizationId, request.params.id, by);
      return reply.code(204).send(null);
    },
  );

  server.post(
    "/agents/:handle/tasks",
    {
      ...needs("talk"),
      schema: {
        ...base,
        summary:
          "Ask an agent to do something in a conversation, with the rights of the person whom the token stands for",
        params: z.object({ handle: wireKey(64) }),
        body: z.strictObject({
          conversation: Id.describe("A conversation id, or platform:channel such as web:general"),
          task: SafeText.pipe(z.string().trim().min(1).max(4_000)),
          idempotencyKey: wireKey(128).optional(),
        }),
        response: { 202: z.object({ eventId: z.string() }), 400: ErrorSchema, 403: ErrorSchema, 404: ErrorSchema },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const personId =
        caller.personId ?? (caller.id.startsWith("person:") ? caller.id.slice("person:".length) : undefined);
      if (personId === undefined)
        throw new ParleyError("PERMISSION_DENIED", {
          detail: "a task has the rights of a person: use a token that stands for one",
        });
      const { idempotencyKey, ...task } = request.body;
      return reply.code(202).send(
        await schedules.ask({
          ...task,
          organizationId: caller.organizationId,
          agent: request.params.handle,
          personId,
          by: caller.id,
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        }),
      );
    },
  );
};
