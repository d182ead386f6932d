import type { ConversationPlan, PlanContext } from "./conversation-plan.ts";

/**
 * Takes a slot for a turn whose agent can be reached. One whose agent is nowhere waits without being looked at again: whoever reaches it asks
 * for it. `mine` says that the turn is to be looked at again where it is planned.
 */
export function mayStart(plan: ConversationPlan, agentId: string, mine: boolean, context: PlanContext): boolean {
  const reach = context.reach(agentId);
  if (reach === "now" && context.takeSlot(agentId)) return true;
  if (reach === "elsewhere") plan.elsewhere.add(agentId);
  if (reach !== "away" && mine) plan.starved = true;
  return false;
}
