import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { SafeText } from "../../envelope/content.ts";
import { wireKey } from "../../envelope/ids.ts";
import { callerOf } from "../caller.ts";
import { AgentViewSchema, ErrorSchema } from "../view-schemas.ts";
import { OPERATOR, type RouteContext, SECURED } from "./route-context.ts";

const Params = z.object({ handle: wireKey(64) });
const Stop = z.strictObject({ reason: SafeText.pipe(z.string().trim().min(1).max(500)) });
const Report = { stoppedTurns: z.number(), cancelledDeliveries: z.number() };
const Organization = z.object({
  organizationId: z.string(),
  status: z.enum(["active", "stopped"]),
  reason: z.string().optional(),
});
const base = { tags: ["switches"], security: SECURED };

/** The kill switches: stopping and resuming one agent or the whole organization. */
export const switchRoutes: FastifyPluginAsyncZod<RouteContext> = async (server, { operations }) => {
  const { switches } = operations;
  server.post(
    "/agents/:handle/stop",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "Stop an agent: it runs nothing and sends nothing from now on",
        params: Params,
        body: Stop,
        response: { 200: z.object({ agent: AgentViewSchema, ...Report }), 400: ErrorSchema, 404: ErrorSchema },
      },
    },
    async (request) => {
      const { organizationId, id } = callerOf(request);
      return switches.stopAgent(organizationId, request.params.handle, { reason: request.body.reason, by: id });
    },
  );

  server.post(
    "/agents/:handle/resume",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "Let a stopped or paused agent work again",
        params: Params,
        response: { 200: z.object({ agent: AgentViewSchema }), 404: ErrorSchema },
      },
    },
    async (request) => {
      const { organizationId, id } = callerOf(request);
      return { agent: await switches.resumeAgent(organizationId, request.params.handle, { by: id }) };
    },
  );

  server.get(
    "/organization",
    {
      ...OPERATOR,
      schema: { ...base, summary: "Whether the organization works, and why not", response: { 200: Organization } },
    },
    async (request) => switches.organization(callerOf(request).organizationId),
  );

  server.post(
    "/organization/stop",
    {
      ...OPERATOR,
      schema: {
        ...base,
        summary: "Stop all agents of the organization",
        body: Stop,
        response: { 200: Organization.extend(Report), 400: ErrorSchema },
      },
    },
    async (request) => {
      const { organizationId, id } = callerOf(request);
      return switches.stopOrganization(organizationId, { reason: request.body.reason, by: id });
    },
  );

  server.post(
    "/organization/resume",
    {
      ...OPERATOR,
      schema: { ...base, summary: "Let the organization work again", response: { 200: Organization } },
    },
    async (request) => {
      const { organizationId, id } = callerOf(request);
      return switches.resumeOrganization(organizationId, { by: id });
    },
  );
};
