import { z } from "zod";
import type { Usage } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeIssues } from "../shared/describe-fault.ts";

const flag = z
  .boolean()
  .nullish()
  .transform((value) => value === true);
/** A capability that is there when its object is. */
const presence = z
  .unknown()
  .optional()
  .transform((value) => typeof value === "object" && value !== null);

const Capabilities = z.looseObject({
  loadSession: flag,
  promptCapabilities: z.looseObject({ image: flag, audio: flag, embeddedContext: flag }).prefault({}),
  mcpCapabilities: z.looseObject({ http: flag, sse: flag }).prefault({}),
  sessionCapabilities: z.looseObject({ resume: presence }).prefault({}),
});

const InitializeResult = z.looseObject({
  protocolVersion: z.number().int(),
  agentCapabilities: Capabilities.prefault({}),
  authMethods: z.array(z.looseObject({ id: z.string() })).nullish(),
  agentInfo: z.looseObject({ name: z.string(), title: z.string().nullish(), version: z.string() }).nullish(),
});
/** What the agent said of itself when it was greeted (protocol v1, `initialize`). */
export type Initialized = z.infer<typeof InitializeResult>;
/** Of an agent that has said nothing of itself yet. */
export const NO_CAPABILITIES: Initialized["agentCapabilities"] = Capabilities.parse({});

const NewSessionResult = z.looseObject({ sessionId: z.string().min(1).max(512) });

const Count = z.number().int().nonnegative().nullish();
const PromptResult = z.looseObject({
  stopReason: z.string(),
  /** Of agents ahead of the stable protocol. */
  usage: z
    .looseObject({ inputTokens: Count, outputTokens: Count, thoughtTokens: Count, cachedReadTokens: Count })
    .nullish()
    .catch(undefined),
});
export type PromptResult = z.infer<typeof PromptResult>;

export const readInitialized = (value: unknown): Initialized => read(InitializeResult, value, "initialize");
export const readNewSession = (value: unknown): string => read(NewSessionResult, value, "session/new").sessionId;
export const readPromptResult = (value: unknown): PromptResult => read(PromptResult, value, "session/prompt");

function read<T>(schema: z.ZodType<T>, value: unknown, method: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const detail = `the agent's answer to ${method} does not fit the protocol: ${describeIssues(parsed.error)}`;
  throw new ParleyError("AGENT_REPLY_INVALID", { detail });
}

/** The agent's own account of one prompt; undefined when it gives none. */
export function usageOf({ usage }: PromptResult): Usage | undefined {
  if (usage === undefined || usage === null) return undefined;
  const { inputTokens, outputTokens, thoughtTokens, cachedReadTokens } = usage;
  return {
    ...(typeof inputTokens === "number" && { inputTokens }),
    ...(typeof outputTokens === "number" && { outputTokens }),
    ...(typeof thoughtTokens === "number" && { reasoningTokens: thoughtTokens }),
    ...(typeof cachedReadTokens === "number" && { cachedInputTokens: cachedReadTokens }),
  };
}

/** How a prompt ended (protocol v1, `StopReason`); throws for an end that the protocol does not know. */
export function toStopReason({ stopReason }: PromptResult): "end" | "limit" | "refused" | "cancelled" {
  switch (stopReason) {
    case "end_turn":
      return "end";
    case "max_tokens":
    case "max_turn_requests":
      return "limit";
    case "refusal":
      return "refused";
    case "cancelled":
      return "cancelled";
    default:
      throw new ParleyError("AGENT_REPLY_INVALID", {
        detail: "the agent ended its turn for a reason that is not in the protocol",
      });
  }
}
