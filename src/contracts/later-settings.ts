import type { AgentDefinition } from "./agent-definition.ts";
import type { JsonValue } from "./json.ts";

/**
 * The settings of an agent that bear on what it may see and do and that only a start of Parley changes, as JSON, by their names: a plan of access says
 * which of them differ. Of its connector where it leads to, without secrets.
 */
export function laterSettings(definition: AgentDefinition): Record<string, JsonValue> {
  const { tools, shadow, subscriptions, speaksFirst, on, owner, budgets, connector } = definition;
  const url = typeof connector["url"] === "string" ? connector["url"] : null;
  const settings = { tools, shadow, subscriptions, speaksFirst, on, owner, budgets, connector: [connector.kind, url] };
  return JSON.parse(JSON.stringify(settings)) as Record<string, JsonValue>; // plain data of this file
}
