import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { compileLinearPattern } from "../../access/linear-pattern.ts";
import { AgentDefinition } from "../../contracts/agent-definition.ts";
import { wireKey } from "../../envelope/ids.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { refusePrivateAddress } from "../agent-address.ts";
import { callerOf } from "../caller.ts";
import { AgentViewSchema, ConnectorCheckSchema, ErrorSchema } from "../view-schemas.ts";
import { needs, type RouteContext, SECURED } from "./route-context.ts";

interface AgentRouteContext extends RouteContext {
  readonly allowPrivateAgentAddresses: boolean;
}

const Params = z.object({ handle: wireKey(64) });
const base = { tags: ["agents"], security: SECURED };

/** Throws REQUEST_INVALID with every subscription that cannot be matched in a time that the message does not decide. */
function refuseOddPatterns({ subscriptions }: AgentDefinition): void {
  const faults = subscriptions.flatMap(({ pattern }, index) => {
    try {
      compileLinearPattern(pattern);
      return [];
    } catch (error) {
      return [`subscriptions.${index}.pattern: ${error instanceof Error ? error.message : "cannot be matched"}`];
    }
  });
  if (faults.length > 0) throw new ParleyError("REQUEST_INVALID", { detail: faults.join("; ") });
}

/** Throws REQUEST_INVALID for a definition with NUL or half a character somewhere, which the ledger could not keep. */
function refuseOddCharacters(definition: AgentDefinition): void {
  // JSON writes both as escapes, and a backslash of the text itself as two.
  const escaped = JSON.stringify(definition).replaceAll("\\\\", "");
  if (/\\u(0000|d[89a-f])/i.test(escaped))
    throw new ParleyError("REQUEST_INVALID", { detail: "the definition holds NUL or half a character" });
}

/** Agents: listing, adding, removing, pausing and checking. */
export const agentRoutes: FastifyPluginAsyncZod<AgentRouteContext> = async (
  server,
  { operations, allowPrivateAgentAddresses },
) => {
  server.get(
    "/agents",
    {
      ...needs("read"),
      schema: {
        ...base,
        summary: "All agents",
        response: { 200: z.object({ agents: z.array(AgentViewSchema).readonly() }) },
      },
    },
    async (request) => ({ agents: await operations.agents.list(callerOf(request).organizationId) }),
  );

  server.post(
    "/agents",
    {
      ...needs("agents"),
      schema: {
        ...base,
        summary: "Add an agent; its secret is shown in this answer and never again",
        body: AgentDefinition,
        response: {
          201: z.object({ agent: AgentViewSchema, secret: z.string().optional() }),
          400: ErrorSchema,
          409: ErrorSchema,
        },
      },
    },
    async (request, reply) => {
      refusePrivateAddress(request.body, allowPrivateAgentAddresses);
      refuseOddPatterns(request.body);
      refuseOddCharacters(request.body);
      const { agent, secret } = await operations.agents
        .add(callerOf(request).organizationId, request.body)
        .catch(blameRequest);
      return reply.code(201).send({ agent, ...(secret === undefined ? {} : { secret }) });
    },
  );

  server.delete(
    "/agents/:handle",
    {
      ...needs("agents"),
      schema: { ...base, summary: "Remove an agent", params: Params, response: { 204: z.null(), 404: ErrorSchema } },
    },
    async (request, reply) => {
      await operations.agents.remove(callerOf(request).organizationId, request.params.handle);
      return reply.code(204).send(null);
    },
  );

  server.post(
    "/agents/:handle/pause",
    {
      ...needs("agents"),
      schema: {
        ...base,
        summary: "Pause an agent: it takes no new turns",
        params: Params,
        response: { 200: z.object({ agent: AgentViewSchema }), 404: ErrorSchema, 409: ErrorSchema },
      },
    },
    async (request) => ({
      agent: await operations.agents.pause(callerOf(request).organizationId, request.params.handle),
    }),
  );

  server.post(
    "/agents/:handle/token",
    {
      ...needs("agents"),
      schema: {
        ...base,
        summary:
          "A new token for an agent that dials in, the one before is refused from now on; or a new signing secret for a webhook, beside the one before",
        params: Params,
        response: {
          201: z.object({ agent: AgentViewSchema, secret: z.string() }),
          404: ErrorSchema,
          409: ErrorSchema,
        },
      },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      return reply
        .code(201)
        .send(await operations.agents.rotateToken(organizationId, request.params.handle, { by: id }));
    },
  );

  server.delete(
    "/agents/:handle/token",
    {
      ...needs("agents"),
      schema: {
        ...base,
        summary:
          "Let an agent's token be good for nothing any more, and disconnect it; or let a webhook's newest secret alone sign",
        params: Params,
        response: { 204: z.null(), 404: ErrorSchema, 409: ErrorSchema },
      },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      await operations.agents.revokeToken(organizationId, request.params.handle, { by: id });
      return reply.code(204).send(null);
    },
  );

  server.post(
    "/agents/:handle/check",
    {
      ...needs("agents"),
      schema: {
        ...base,
        summary: "Whether a turn would reach the agent now",
        params: Params,
        response: { 200: ConnectorCheckSchema, 404: ErrorSchema },
      },
    },
    async (request) => operations.agents.check(callerOf(request).organizationId, request.params.handle),
  );
};

/** A definition that came with a request is the request's fault, not that of this deployment's configuration. */
function blameRequest(error: unknown): never {
  if (error instanceof ParleyError && error.code === "CONFIG_INVALID") {
    throw new ParleyError("REQUEST_INVALID", {
      cause: error,
      ...(error.detail === undefined ? {} : { detail: error.detail }),
    });
  }
  throw error;
}
