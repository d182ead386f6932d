import { agentIndex } from "../shared/agent-index.ts";
import type { Account } from "./account.ts";
import { type InboundContext, newTraceId } from "./inbound-context.ts";

export interface ContextOptions {
  readonly roomId: string;
  readonly related?: InboundContext["related"];
  readonly before?: InboundContext["before"];
  readonly order: InboundContext["order"];
}

/** What translations of an account's events may look at. */
export function inboundContext(account: Account, options: ContextOptions): InboundContext {
  const { record, config } = account;
  return {
    organizationId: record.organizationId,
    installationId: record.installationId,
    userId: account.userId,
    botName: account.botName,
    command: config.command,
    trustedServers: account.trustedServers,
    agents: agentIndex(account.sink.agents(record.organizationId)),
    room: account.rooms.facts(options.roomId),
    agentOf: (userId) => account.agentOf(userId),
    related: options.related,
    before: options.before ?? { membership: undefined, roomName: undefined },
    order: options.order,
    newTraceId,
    nowMs: Date.now,
  };
}
