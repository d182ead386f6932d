import { z } from "zod";
import { TurnMode } from "../contracts/agent-definition.ts";

/** What the API answers, as schemas: fields that are not named here never leave. */
export const AgentViewSchema = z
  .object({
    agentId: z.string(),
    handle: z.string(),
    name: z.string(),
    description: z.string(),
    avatarUrl: z.string().optional(),
    color: z.string(),
    connectorKind: z.string(),
    source: z.enum(["config", "api", "builtin"]),
    status: z.enum(["active", "paused", "stopped"]),
    statusReason: z.string().optional(),
    statusSince: z.string().optional(),
    failingSince: z.string().optional(),
    turnMode: TurnMode,
    channels: z.array(z.string()).readonly(),
    owner: z.string().optional(),
    shadow: z.string().optional(),
    connection: z
      .object({ state: z.enum(["connected", "away"]), since: z.string().optional(), client: z.string().optional() })
      .optional(),
  })
  .describe("An agent without its secrets");

export const ConnectorCheckSchema = z.object({ ok: z.boolean(), detail: z.string() });

export const DeadLetterState = z.enum(["open", "replayed", "discarded"]);
export const DeadLetterSchema = z.object({
  id: z.string(),
  stage: z.enum(["ingest", "route", "invoke", "deliver"]),
  code: z.string(),
  reason: z.string(),
  state: DeadLetterState,
  eventId: z.string().optional(),
  turnId: z.string().optional(),
  deliveryId: z.string().optional(),
  conversationId: z.string().optional(),
  createdAt: z.string(),
});

export const ReplayVerdictSchema = z.object({
  id: z.string(),
  allowed: z.boolean(),
  rule: z.string(),
  does: z.string(),
  agent: z.string().optional(),
  conversationId: z.string().optional(),
});

const JsonRecord = z.record(z.string(), z.unknown());

export const ExplanationSchema = z.object({
  eventId: z.string(),
  kind: z.string(),
  platform: z.string(),
  state: z.string(),
  stateReason: z.string().optional(),
  traceId: z.string(),
  steps: z
    .array(
      z.object({
        at: z.string(),
        verb: z.enum(["ingest", "route", "access", "assemble", "invoke", "render", "deliver"]),
        agent: z.string().optional(),
        outcome: z.string(),
        rule: z.string(),
        detail: JsonRecord.optional(),
      }),
    )
    .readonly(),
  auditRecords: z
    .array(
      z.object({ id: z.number(), at: z.string(), seal: z.number().nullable(), what: z.array(z.string()).readonly() }),
    )
    .readonly(),
});

const Dependency = { ok: z.boolean(), backend: z.string(), latencyMs: z.number(), detail: z.string().optional() };

export const StatusSchema = z.object({
  ledger: z.object(Dependency),
  queue: z.object({ ...Dependency, waiting: z.number() }),
  platforms: z
    .array(
      z.object({
        platform: z.string(),
        installationId: z.string(),
        name: z.string(),
        state: z.enum(["connected", "connecting", "paused", "failed"]),
        detail: z.string().optional(),
        lastEventAt: z.string().optional(),
      }),
    )
    .readonly(),
  work: z.object({
    pendingEvents: z.number(),
    runningTurns: z.number(),
    queuedTurns: z.number(),
    pendingDeliveries: z.number(),
    unknownDeliveries: z.number(),
    openDeadLetters: z.number(),
    oldestOpenMs: z.number(),
  }),
  rooms: z
    .array(
      z.object({
        conversationId: z.string(),
        platform: z.string(),
        name: z.string(),
        people: z.number(),
        agents: z.array(z.string()).readonly(),
      }),
    )
    .readonly(),
});

export const ErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), detail: z.string().optional() }),
});
