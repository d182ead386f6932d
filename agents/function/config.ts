import { z } from "zod";
import type { AgentFunction } from "../shared/agent-function.ts";

/** An agent that is a function in Parley's own process: given directly, or as a module whose default export it is. */
export const FunctionConfig = z
  .strictObject({
    kind: z.literal("function"),
    /** A path, relative to the folder of the configuration, or a `file:` URL. */
    module: z.string().min(1).max(1024).optional(),
    run: z.custom<AgentFunction>((value) => typeof value === "function", "must be a function").optional(),
  })
  .refine((config) => (config.module === undefined) !== (config.run === undefined), {
    path: ["module"],
    message:
      "give either module, the path of a file with a function as its default export, or run, the function itself",
  });
export type FunctionConfig = z.infer<typeof FunctionConfig>;
