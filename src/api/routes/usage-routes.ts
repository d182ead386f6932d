import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { Budget } from "../../contracts/agent-definition.ts";
import { wireKey } from "../../envelope/ids.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import { ErrorSchema } from "../view-schemas.ts";
import { needs, type RouteContext, SECURED } from "./route-context.ts";

const Params = z.object({ handle: wireKey(64) });
const Sum = z.object({
  turns: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costMicroUsd: z.number(),
});
const Subject = Sum.extend({ id: z.string(), name: z.string().optional() });
const Usage = z
  .object({
    handle: z.string(),
    budgets: z.object({ agent: Budget.optional(), person: Budget.optional(), channel: Budget.optional() }),
    today: Sum,
    days: z.array(Sum.extend({ day: z.string() })).readonly(),
    people: z.array(Subject).readonly(),
    channels: z.array(Subject).readonly(),
  })
  .describe("What an agent used, by day (UTC), and today for whom");
const base = { tags: ["agents"], security: SECURED };

/** What agents used, and how much of their budgets that is. */
export const usageRoutes: FastifyPluginAsyncZod<RouteContext> = async (server, { operations }) => {
  server.get(
    "/usage",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "What all agents used",
        response: { 200: z.object({ usage: z.array(Usage).readonly() }) },
      },
    },
    async (request) => ({ usage: await operations.agents.usage(callerOf(request).organizationId) }),
  );

  server.get(
    "/agents/:handle/usage",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "What an agent used",
        params: Params,
        response: { 200: z.object({ usage: Usage }), 404: ErrorSchema },
      },
    },
    async (request) => {
      const { handle } = request.params;
      const [usage] = await operations.agents.usage(callerOf(request).organizationId, handle);
      if (usage === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no agent @${handle}` });
      return { usage };
    },
  );
};
