import type { Config } from "../config/config.ts";
import { type LoadOptions, loadConfig } from "../config/load-config.ts";

/** Guarantees a configuration whose agents could be created: their connectors are loaded for that, and only when there are agents. */
export function loadCheckedConfig(options: LoadOptions): Promise<Config> {
  return loadConfig({ ...options, agentCheck: async () => (await import("../app.ts")).findAgentFaults });
}
