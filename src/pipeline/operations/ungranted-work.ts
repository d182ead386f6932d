import type { PolicyBook } from "../../access/policy-book.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import { endAccess } from "../../ledger/barred.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { listOpenWork } from "../../ledger/plan-facts.ts";
import { agentMay } from "../agent-grant.ts";
import type { Directory } from "../directory.ts";
import { barredAsker } from "../route/barred-asker.ts";

export interface UngrantedWorkPorts {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
}

/**
 * Ends the open work of agents that may not post where they work any more, and what people asked for who may not ask any more, after what is
 * decided about access has changed; returns how many turns.
 */
export async function endUngrantedWork(ports: UngrantedWorkPorts, organizationId: string): Promise<number> {
  const { database, directory } = ports;
  const policies = ports.policies.of(organizationId);
  const ended = (await listOpenWork(database, organizationId)).flatMap((work) => {
    const agent = directory.get(work.agentId);
    if (agent === undefined) return [];
    const path = work.path as ConversationPath; // written from a validated envelope
    const where = { inst: work.installationId, channel: work.channelId, agent: work.agentId };
    const decision = agentMay(agent, "post", { installationId: work.installationId, path }, policies);
    if (!decision.allowed) return [{ ...where, asker: null, reason: decision.rule }];
    const claimed = { organization_id: organizationId, installation_id: work.installationId };
    const barred = work.askerId === null ? undefined : barredAsker(work, claimed, ports);
    return barred === undefined ? [] : [{ ...where, asker: work.askerId, reason: barred }];
  });
  if (ended.length === 0) return 0;
  const stopped = await database.transaction(async (tx) => {
    const turns = await endAccess(tx, ended);
    await appendAudit(
      tx,
      organizationId,
      ended.map(({ inst, channel, agent, reason }) => ({
        what: "denied",
        agent,
        installation: inst,
        channel,
        rule: reason,
      })),
    );
    return turns;
  });
  for (const { id, reason } of stopped) ports.cancelRunning([id], `cancelled:${reason}`);
  return stopped.length;
}
