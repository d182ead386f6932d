import { z } from "zod";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { checkCallableUrl } from "../shared/address-policy.ts";

const RunUrl = z
  .string()
  .max(2048)
  .superRefine((text, context) => {
    try {
      checkCallableUrl(text);
    } catch (thrown) {
      const message = thrown instanceof ParleyError ? (thrown.detail ?? thrown.message) : "cannot be called";
      context.addIssue({ code: "custom", message });
    }
  });

/** An agent behind an AG-UI address, as LangGraph, Mastra, ADK, CrewAI, Pydantic AI and others offer one. */
export const AguiConfig = z.strictObject({
  kind: z.literal("agui"),
  /** The address that takes `RunAgentInput`. */
  url: RunUrl,
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
