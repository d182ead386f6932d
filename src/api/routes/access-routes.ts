import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ACCESS_ACTIONS, ACCESS_LEVELS, ACCESS_ROLES, NARROWER_SOURCE_POLICIES } from "../../contracts/access.ts";
import { AccessChannelInput, AccessConfig, AccessRoleInput, AccessRuleInput } from "../../contracts/access-config.ts";
import type { AccessOperations } from "../../contracts/access-operations.ts";
import { AgentDefinition } from "../../contracts/agent-definition.ts";
import { wireKey } from "../../envelope/ids.ts";
import { callerOf } from "../caller.ts";
import { ErrorSchema } from "../view-schemas.ts";
import { MAX_ID_CHARS, needs, SECURED } from "./route-context.ts";

export interface AccessRouteContext {
  readonly access: AccessOperations;
}

const ACCESS = needs("access");
const base = { tags: ["access"], security: SECURED };
const Params = z.object({ id: wireKey(MAX_ID_CHARS) });
const Source = z.enum(["config", "operator"]);
const Place = z.object({
  level: z.enum(ACCESS_LEVELS),
  installationId: z.string(),
  placeId: z.string(),
  label: z.string(),
});
const Rule = z.object({
  id: z.string(),
  at: Place,
  subjectKind: z.string(),
  subject: z.string(),
  action: z.enum(ACCESS_ACTIONS),
  effect: z.enum(["allow", "deny"]),
  source: Source,
});
const RoleLine = z.object({
  id: z.string(),
  at: Place,
  personId: z.string(),
  personName: z.string().optional(),
  role: z.enum(ACCESS_ROLES),
  source: Source,
});
const Invitation = z.object({
  id: z.string(),
  agent: z.string(),
  at: Place,
  inviterKind: z.enum(["person", "operator"]),
  inviterId: z.string(),
  inviterName: z.string().optional(),
  since: z.string(),
});
const Channel = z.object({ at: Place, onNarrowerSource: z.enum(NARROWER_SOURCE_POLICIES), source: Source });
const View = z.object({
  rules: z.array(Rule).readonly(),
  roles: z.array(RoleLine).readonly(),
  invitations: z.array(Invitation).readonly(),
  channels: z.array(Channel).readonly(),
});
const Plan = z.object({
  fingerprint: z.string(),
  changes: z
    .array(
      z.object({
        change: z.enum(["add", "remove"]),
        what: z.enum(["rule", "role", "channel_policy", "agent_channels"]),
        text: z.string(),
      }),
    )
    .readonly(),
  effects: z
    .array(
      z.object({
        change: z.enum(["gain", "lose"]),
        what: z.enum([...ACCESS_ACTIONS, "take_part", "reach_agent"]),
        at: Place,
        agent: z.string().optional(),
        people: z.number().optional(),
        examples: z.array(z.string()).readonly().optional(),
      }),
    )
    .readonly(),
  notes: z.array(z.string()).readonly(),
});
const Planned = z.strictObject({
  access: AccessConfig,
  agents: z
    .array(
      AgentDefinition.pick({ handle: true, channels: true }).extend({
        later: z.record(z.string().max(32), z.json()).optional(),
      }),
    )
    .max(1_000)
    .optional(),
});
const Invite = z.strictObject({ agent: wireKey(64), channel: AccessChannelInput.shape.channel });
const failures = { 400: ErrorSchema, 403: ErrorSchema, 404: ErrorSchema, 409: ErrorSchema };

/** Access lists, roles, invitations, channel policies, and plans of what a configuration would change. */
export const accessRoutes: FastifyPluginAsyncZod<AccessRouteContext> = async (server, { access }) => {
  server.get(
    "/access",
    {
      ...ACCESS,
      schema: { ...base, summary: "All rules, roles, invitations and channel policies", response: { 200: View } },
    },
    async (request) => access.show(callerOf(request).organizationId),
  );

  server.post(
    "/access/rules",
    {
      ...ACCESS,
      schema: {
        ...base,
        summary: "Allow or deny something to somebody from a place downwards",
        body: AccessRuleInput,
        response: { 201: z.object({ rules: z.array(Rule).readonly() }), ...failures },
      },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      return reply.code(201).send({ rules: await access.addRule(organizationId, request.body, id) });
    },
  );

  server.delete(
    "/access/rules/:id",
    {
      ...ACCESS,
      schema: { ...base, summary: "Remove a rule", params: Params, response: { 204: z.null(), ...failures } },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      await access.removeRule(organizationId, request.params.id, id);
      return reply.code(204).send(null);
    },
  );

  server.post(
    "/access/roles",
    {
      ...ACCESS,
      schema: {
        ...base,
        summary: "Give a person a role from a place downwards",
        body: AccessRoleInput,
        response: { 201: z.object({ role: RoleLine }), ...failures },
      },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      return reply.code(201).send({ role: await access.assignRole(organizationId, request.body, id) });
    },
  );

  server.delete(
    "/access/roles/:id",
    {
      ...ACCESS,
      schema: { ...base, summary: "Take a role away", params: Params, response: { 204: z.null(), ...failures } },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      await access.removeRole(organizationId, request.params.id, id);
      return reply.code(204).send(null);
    },
  );

  server.post(
    "/access/channels",
    {
      ...ACCESS,
      schema: {
        ...base,
        summary: "Say what a channel does with a reply that not all of its readers may read",
        body: AccessChannelInput,
        response: { 200: z.object({ channel: Channel }), ...failures },
      },
    },
    async (request) => {
      const { organizationId, id } = callerOf(request);
      return { channel: await access.setChannel(organizationId, request.body, id) };
    },
  );

  server.post(
    "/access/invitations",
    {
      ...ACCESS,
      schema: {
        ...base,
        summary: "Invite an agent into a channel; the invitation stands until somebody ends it",
        body: Invite,
        response: { 201: z.object({ invitation: Invitation }), ...failures },
      },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      return reply.code(201).send({ invitation: await access.invite(organizationId, request.body, id) });
    },
  );

  server.post(
    "/access/invitations/end",
    {
      ...ACCESS,
      schema: {
        ...base,
        summary: "End an agent's invitation with its work in that channel",
        body: Invite,
        response: { 204: z.null(), ...failures },
      },
    },
    async (request, reply) => {
      const { organizationId, id } = callerOf(request);
      await access.uninvite(organizationId, request.body, id);
      return reply.code(204).send(null);
    },
  );

  server.post(
    "/access/plan",
    {
      ...ACCESS,
      schema: {
        ...base,
        summary: "What a configuration would change, in people and channels; writes nothing",
        body: Planned,
        response: { 200: Plan, ...failures },
      },
    },
    async (request) => access.plan(callerOf(request).organizationId, request.body),
  );

  server.post(
    "/access/apply",
    {
      ...ACCESS,
      schema: {
        ...base,
        summary: "Write what the plan with this fingerprint showed; another plan is refused unless forced",
        body: Planned.extend({ fingerprint: wireKey(64).optional(), force: z.boolean().default(false) }),
        response: { 200: Plan, ...failures },
      },
    },
    async (request) => {
      const { organizationId, id } = callerOf(request);
      const { fingerprint, force, ...config } = request.body;
      return access.apply(organizationId, config, { fingerprint, force }, id);
    },
  );
};
