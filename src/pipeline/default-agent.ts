import type { Directory } from "./directory.ts";

/** The agent that answers where nobody is named: the team's own first one, else the assistant when it has a model, else the guide. */
export function defaultAgent(
  directory: Directory,
  organizationId: string,
  assistantConfigured: boolean,
): string | undefined {
  const active = directory.list(organizationId).filter((agent) => agent.status === "active");
  const own = active.find((agent) => agent.row.source !== "builtin");
  return (own ?? active.find((agent) => agent.handle === (assistantConfigured ? "assistant" : "guide")))?.agentId;
}
