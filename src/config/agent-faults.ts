import { z } from "zod";
import { ConnectorConfig, Subscription } from "../contracts/agent-definition.ts";
import type { ConfigFault } from "./fault.ts";
import { isRecord } from "./merge.ts";

/** Finds what is wrong with an agent beyond its shape: only the connectors know what each of them needs. Paths are within the agent. */
export type AgentCheck = (agent: {
  readonly connector: ConnectorConfig;
  readonly subscriptions: z.infer<typeof Subscription>[];
}) => readonly { readonly path: string; readonly problem: string }[];

const Checkable = z.object({ connector: ConnectorConfig, subscriptions: z.array(Subscription).catch([]).default([]) });

/** Guarantees the faults that `check` finds in every agent whose connector has a kind, also when other settings of it are faulty. */
export function agentFaults(agents: unknown, check: AgentCheck, place: string): ConfigFault[] {
  if (!Array.isArray(agents)) return [];
  return agents.flatMap((agent: unknown, index) => {
    const parsed = Checkable.safeParse(isRecord(agent) ? agent : {});
    if (!parsed.success) return [];
    return check(parsed.data).map(({ path, problem }) => ({
      path: `${place}[${index}].${path}`,
      problem,
      fix: "correct this agent, or take it out; deploy/agents.md shows each kind",
    }));
  });
}
