import { createHash } from "node:crypto";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { IngestOutcome } from "../../contracts/adapter-sink.ts";
import type { ScheduleOperations, ScheduleView, TaskRequest } from "../../contracts/schedule-operations.ts";
import { type ConversationPath, conversationKey } from "../../envelope/conversation.ts";
import type { EnvelopeInput } from "../../envelope/envelope.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { cancelSchedule, listSchedules, type ScheduleRow } from "../../ledger/schedules.ts";
import { findDestination } from "../../ledger/status.ts";
import { agentMay } from "../agent-grant.ts";
import { createReadingRights } from "../assemble/reading-rights.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";
import { personEvent } from "./person-event.ts";

export interface ScheduleOperationsPorts {
  /** The ledger as one organization sees it. */
  readonly tenant: (organizationId: string) => Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly facts: MemberFacts;
  readonly newId: NewId;
  readonly ingest: (envelope: EnvelopeInput) => Promise<IngestOutcome>;
}

/** Creates the operations on what agents do without a message. */
export function createScheduleOperations(ports: ScheduleOperationsPorts): ScheduleOperations {
  const { tenant, directory, policies } = ports;
  const rights = createReadingRights(ports.facts, policies);

  function agentOf(organizationId: string, handle: string): DirectoryAgent {
    const agent = directory.byHandle(organizationId, handle.replace(/^@/u, ""));
    if (agent === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no agent ${handle}` });
    return agent;
  }

  function view(row: ScheduleRow): ScheduleView {
    return {
      id: row.id,
      agent: directory.get(row.agent_id)?.handle ?? row.agent_id,
      conversationId: row.conversation_id,
      requestedBy: row.requested_by,
      requestedByName: row.requested_by_name,
      task: row.task,
      ...(row.every_ms === null ? {} : { everyMs: row.every_ms }),
      dueAt: row.due_at.toISOString(),
      firings: row.firings,
    };
  }

  async function whyNot(
    agent: DirectoryAgent,
    personId: string,
    place: { readonly installationId: string; readonly path: ConversationPath },
    state: { readonly archived: boolean; readonly identityInChannel: boolean },
  ): Promise<string | undefined> {
    const { organizationId } = agent;
    if (agent.status !== "active") return `agent_${agent.status}`;
    if (!agent.definition.speaksFirst) return "does_not_speak_first";
    const start = await rights.personMay(personId, "start_agent", { organizationId, ...place });
    if (!start.allowed) return `asker_${start.rule}`;
    const may = agentMay(agent, "post", place, policies.of(organizationId), state);
    return may.allowed ? undefined : may.rule;
  }

  async function ask(request: TaskRequest): Promise<{ readonly eventId: string }> {
    const { organizationId, conversation: to, personId, task } = request;
    const agent = agentOf(organizationId, request.agent);
    const database = tenant(organizationId);
    const found = await findDestination(database, organizationId, to);
    if (found === undefined)
      throw new ParleyError("NOT_FOUND", {
        detail: `no conversation is known as ${to}; write its id or platform:channel, such as web:general`,
      });
    const { installation_id: installationId, platform } = found;
    const path = (found.path ?? {
      space: { id: installationId },
      channel: { id: found.channel_id, name: found.name ?? undefined, kind: found.kind, external: false },
    }) as ConversationPath; // written from a validated envelope, or built from the mirror's row
    const state = { archived: found.archived === true, identityInChannel: found.self_member !== false };
    const rule = await whyNot(agent, personId, { installationId, path }, state);
    if (rule !== undefined) {
      const entry = { by: request.by, action: "start_agent", rule, agent: agent.agentId, to, person: personId };
      await appendAudit(database, organizationId, [{ what: "denied", ...entry }]);
      // Whether there is such a conversation is not told to somebody who is not in it.
      throw new ParleyError("PERMISSION_DENIED", {
        detail: `@${agent.handle} may not be asked to do that there (${rule})`,
      });
    }
    const orderingKey = conversationKey(installationId, found.channel_id, found.thread_id ?? undefined);
    const key = request.idempotencyKey ?? ports.newId("k");
    return await ports.ingest({
      ...(await personEvent(database, { organizationId, installationId, platform, path, orderingKey }, personId)),
      kind: "command_invoked",
      dedupeKey: `task:${createHash("sha256")
        .update(JSON.stringify([request.by, key]))
        .digest("hex")
        .slice(0, 40)}`,
      body: {
        command: "ask",
        text: task,
        mentions: { people: [], agents: [agent.handle], everyone: false, bot: false },
      },
    });
  }

  return {
    async list(organizationId, { agent }) {
      const agentId = agent === undefined ? undefined : agentOf(organizationId, agent).agentId;
      return (await listSchedules(tenant(organizationId), { organizationId, agentId })).map(view);
    },
    async cancel(organizationId, id, by) {
      const ended = await cancelSchedule(tenant(organizationId), {
        id,
        organizationId,
        reason: "cancelled_by_operator",
        by,
      });
      if (!ended) throw new ParleyError("NOT_FOUND", { detail: "there is no such active schedule" });
    },
    async ask(request) {
      const { eventId } = await ask(request);
      return { eventId };
    },
  };
}
