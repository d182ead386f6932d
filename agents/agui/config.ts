import { z } from "zod";
import { CallableUrl } from "../shared/callable-url.ts";

/** An agent behind an AG-UI address, as LangGraph, Mastra, ADK, CrewAI, Pydantic AI and others offer one. */
export const AguiConfig = z.strictObject({
  kind: z.literal("agui"),
  /** The address that takes `RunAgentInput`. */
  url: CallableUrl,
  /** Sent as `Authorization: Bearer …`. */
  token: z.string().min(1).max(4096).optional(),
  /**
   * Which messages a run is given: `all` that the turn was given, or those `new` since the agent's own last one, for a server that
   * keeps the thread itself. Default `all`.
   */
  history: z.enum(["all", "new"]).default("all"),
  /** Longest time from the request to the first byte of the answer, in ms. Default: 30 s. */
  firstByteTimeoutMs: z.number().int().min(500).max(600_000).optional(),
});
export type AguiConfig = z.infer<typeof AguiConfig>;
