import { z } from "zod";
import type { AgentFunction } from "../shared/agent-function.ts";

/** An agent that is a function in Parley's own process: given directly, or as a module whose default export it is. */
export const FunctionConfig = z.union([
  z.strictObject({
    kind: z.literal("function"),
    /** A path, relative to the folder of the configuration, or a `file:` URL. */
    module: z.string().min(1).max(1024),
  }),
  z.strictObject({
    kind: z.literal("function"),
    run: z.custom<AgentFunction>((value) => typeof value === "function", "must be a function"),
  }),
]);
export type FunctionConfig = z.infer<typeof FunctionConfig>;
