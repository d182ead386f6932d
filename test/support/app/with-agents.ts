import type { Config } from "../../../src/config/config.ts";
import { AgentDefinition, type AgentDefinitionInput } from "../../../src/contracts/agent-definition.ts";

/** The configuration with these agents, and no others, in its first organization. */
export function withAgents(config: Config, agents: readonly AgentDefinitionInput[]): Config {
  return { ...config, agents: agents.map((agent) => AgentDefinition.parse(agent)) };
}
