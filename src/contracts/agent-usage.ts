import type { Budget } from "./agent-definition.ts";

/** What was used, added up. */
export interface UsageSum {
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In millionths of a US dollar; 0 where no agent or endpoint tells a cost. */
  readonly costMicroUsd: number;
}

/** What one agent used, by day (UTC), and today for whom; its budgets beside it. */
export interface AgentUsage {
  readonly handle: string;
  readonly budgets: { readonly agent?: Budget; readonly person?: Budget; readonly channel?: Budget };
  readonly today: UsageSum;
  /** The last 30 days on which it was used, newest first; `day` is `YYYY-MM-DD`. */
  readonly days: readonly (UsageSum & { readonly day: string })[];
  /** Today, the busiest 50 of each. `id` is `installation/person` or `installation/channel`. */
  readonly people: readonly (UsageSum & { readonly id: string; readonly name?: string })[];
  readonly channels: readonly (UsageSum & { readonly id: string; readonly name?: string })[];
}
