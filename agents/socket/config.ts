import { z } from "zod";

/** Longest time a turn waits for its agent to come back after its connection dropped, in ms; the turn's own deadline holds beside it. */
export const DEFAULT_RESUME_WITHIN_MS = 60_000;

/** An agent that dials in; its token is issued by Parley and is no part of this. */
export const SocketConfig = z.strictObject({
  kind: z.literal("socket"),
  resumeWithinMs: z.number().int().min(1_000).max(3_600_000).default(DEFAULT_RESUME_WITHIN_MS),
});
export type SocketConfig = z.infer<typeof SocketConfig>;
