import type { Config } from "../../../src/config/config.ts";
import { AgentDefinition, type AgentDefinitionInput } from "../../../src/contracts/agent-definition.ts";

/** The configuration with these agents, and no others, in its first organization. */
export function withAgents(config: Config, agents: readonly AgentDefinitionInput[]): Config {
  // Stand-ins carry out late only what a test tells them to.
  const pipeline = { ...config.pipeline, lateEffectMs: 1_500 };
  return { ...config, pipeline, agents: agents.map((agent) => AgentDefinition.parse(agent)) };
}
