import type { AgentReach, ConnectorFeatures } from "../contracts/connector.ts";
import type { Connectors } from "./connectors.ts";

/** What routing asks of connectors. Of one that cannot be made nothing is known; its turn will say why it cannot run. */
export interface ConnectorFacts {
  readonly featuresOf: (agentId: string) => ConnectorFeatures | undefined;
  readonly reach: (agentId: string) => AgentReach;
}

export function connectorFacts(connectors: Connectors): ConnectorFacts {
  return {
    featuresOf(agentId) {
      try {
        return connectors.of(agentId).features;
      } catch {
        return undefined;
      }
    },
    reach(agentId) {
      try {
        return connectors.of(agentId).reach?.() ?? "now";
      } catch {
        return "now";
      }
    },
  };
}
