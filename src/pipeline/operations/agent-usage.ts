import type { AgentUsage, UsageSum } from "../../contracts/agent-usage.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { listUsageTotals, type UsageTotal } from "../../ledger/usage-totals.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";

const NOTHING: UsageSum = { turns: 0, inputTokens: 0, outputTokens: 0, costMicroUsd: 0 };

/** What agents used: one, or all of the organization. Throws NOT_FOUND. */
export async function readAgentUsage(
  sql: SqlRunner,
  directory: Directory,
  organizationId: string,
  handle: string | undefined,
): Promise<readonly AgentUsage[]> {
  const agents = directory.list(organizationId).filter((agent) => handle === undefined || agent.handle === handle);
  if (handle !== undefined && agents.length === 0)
    throw new ParleyError("NOT_FOUND", { detail: `there is no agent @${handle}` });
  const totals = await listUsageTotals(sql, organizationId, agents.length === 1 ? (agents[0]?.agentId ?? null) : null);
  const byAgent = Map.groupBy(totals, (total) => total.agent_id);
  return agents.map((agent) => toUsage(agent, byAgent.get(agent.agentId) ?? []));
}

function toUsage({ handle, definition }: DirectoryAgent, totals: readonly UsageTotal[]): AgentUsage {
  const own = totals.filter((total) => total.scope === "agent");
  const today = own.find((total) => total.today);
  const subjects = (scope: "person" | "channel") =>
    totals
      .filter((total) => total.scope === scope)
      .map((total) => ({ id: total.subject, ...(total.name !== null && { name: total.name }), ...toSum(total) }));
  return {
    handle,
    budgets: definition.budgets ?? {},
    today: today === undefined ? NOTHING : toSum(today),
    days: own.map((total) => ({ day: total.day, ...toSum(total) })),
    people: subjects("person"),
    channels: subjects("channel"),
  };
}

function toSum(total: UsageTotal): UsageSum {
  return {
    turns: total.turns,
    inputTokens: total.input_tokens,
    outputTokens: total.output_tokens,
    costMicroUsd: total.cost_micro_usd,
  };
}
