import { z } from "zod";
import { DIAL_IN_PROTOCOL, type OfferedTool, type ParleyFrame } from "./dial-in-protocol.ts";
import { JsonValueSchema, TranscriptMessageSchema, TurnRequestSchema } from "./turn-request-schema.ts";

const RequestOutcomeSchema = z.discriminatedUnion("state", [
  z.object({
    state: z.literal("decided"),
    optionId: z.string().exactOptional(),
    effect: z.enum(["allow", "deny", "neutral"]).exactOptional(),
    fields: z.record(z.string(), z.string()),
    by: z.object({ id: z.string(), name: z.string() }),
  }),
  z.object({ state: z.literal("expired") }),
  z.object({ state: z.literal("cancelled"), reason: z.string() }),
]);

const OfferedToolSchema = z.object({
  name: z.string(),
  description: z.string(),
  input: JsonValueSchema,
  effect: z.enum(["read", "write"]),
}) satisfies z.ZodType<OfferedTool>;

/** What Parley says over the dial-in socket, for whoever reads it off the wire. Fields that are not known yet are let through. */
export const ParleyFrameSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("welcome"),
    protocol: z.literal(DIAL_IN_PROTOCOL),
    connectionId: z.string(),
    agent: z.object({ agentId: z.string(), handle: z.string(), name: z.string() }),
    heartbeatMs: z.number(),
    maxFrameBytes: z.number(),
    turns: z
      .array(
        z.object({
          turnId: z.string(),
          state: z.enum(["continue", "ended"]),
          received: z.number().int().nonnegative(),
        }),
      )
      .readonly(),
  }),
  z.object({
    type: z.literal("turn_start"),
    turn: TurnRequestSchema,
    tools: z.array(OfferedToolSchema).readonly().exactOptional(),
    files: z
      .array(z.object({ mediaId: z.string(), url: z.string() }))
      .readonly()
      .exactOptional(),
    toolAccess: z.object({ url: z.string(), token: z.string(), expiresAt: z.string() }).exactOptional(),
  }),
  z.object({ type: z.literal("turn_message"), turnId: z.string(), message: TranscriptMessageSchema }),
  z.object({ type: z.literal("turn_cancel"), turnId: z.string(), reason: z.string() }),
  z.object({ type: z.literal("event_ack"), turnId: z.string(), n: z.number().int().nonnegative() }),
  z.object({ type: z.literal("turn_end"), turnId: z.string() }),
  z.object({
    type: z.literal("tool_result"),
    turnId: z.string(),
    callId: z.string(),
    ok: z.boolean(),
    result: JsonValueSchema,
  }),
  z.object({
    type: z.literal("request_result"),
    turnId: z.string(),
    callId: z.string(),
    outcome: RequestOutcomeSchema,
  }),
  z.object({ type: z.literal("ping"), at: z.number() }),
  z.object({
    type: z.literal("error"),
    code: z.string(),
    message: z.string(),
    turnId: z.string().exactOptional(),
    callId: z.string().exactOptional(),
  }),
]) satisfies z.ZodType<ParleyFrame>;
