import { randomBytes } from "node:crypto";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { MemberClass } from "../../contracts/access.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { IngestOutcome } from "../../contracts/adapter-sink.ts";
import type { Logger } from "../../contracts/logger.ts";
import { type ConversationPath, conversationKey } from "../../envelope/conversation.ts";
import { ENVELOPE_VERSION, type EnvelopeInput } from "../../envelope/envelope.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { newestOrder } from "../../ledger/conversation-history.ts";
import { insertDelivery } from "../../ledger/replay.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import {
  advanceSchedule,
  cancelSchedule,
  type DueSchedule,
  dueSchedules,
  nextScheduleMs,
} from "../../ledger/schedules.ts";
import { agentMay } from "../agent-grant.ts";
import type { ReadingRights } from "../assemble/reading-rights.ts";
import type { Directory } from "../directory.ts";

export interface ScheduleLoopPorts {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly facts: MemberFacts;
  readonly rights: ReadingRights;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly ingest: (envelope: EnvelopeInput) => Promise<IngestOutcome>;
  readonly ringOutbox: (conversationId: string) => void;
}

/** Fires what is due, in any process that runs turns: each time once, whichever does it. */
export interface ScheduleLoop {
  start(): void;
  /** Looks again soon: a schedule was made. */
  wake(): void;
  stop(): Promise<void>;
}

/** How often is looked at least, in ms: other processes make schedules too. */
const LOOK_EVERY_MS = 5_000;
const RETRY_MS = 2_000;
/** How soon is looked again at what stayed due, in ms. */
const OVERDUE_MS = 1_000;
/** No rule: it stays due. */
const LATER = "later";

/**
 * Creates the loop. Whoever asked must still be a member who may start the agent, and the agent one who may post there and is not paused or stopped;
 * else the schedule ends with an audit entry and one notice. What was missed while nothing ran fires once, late.
 */
export function createScheduleLoop(ports: ScheduleLoopPorts): ScheduleLoop {
  const { database, logger } = ports;
  const platforms = [...ports.adapters.keys()];
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let stopped = true;

  async function look(): Promise<void> {
    let waitMs = LOOK_EVERY_MS;
    try {
      for (const schedule of await dueSchedules(database, platforms)) if (!stopped) await fire(schedule);
      const next = await nextScheduleMs(database);
      if (next !== null) waitMs = Math.min(LOOK_EVERY_MS, next > 0 ? Math.max(20, next) : OVERDUE_MS);
    } catch (error) {
      logger.warn({ err: error }, "schedules could not be looked at; trying again");
      waitMs = RETRY_MS;
    }
    plan(waitMs);
  }

  function plan(waitMs: number): void {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => {
      looking = looking.then(look);
    }, waitMs).unref();
  }

  async function fire(schedule: DueSchedule): Promise<void> {
    const { rule, memberClass } = await whyNot(schedule);
    if (rule === LATER) return;
    if (rule !== undefined) return await end(schedule, rule);
    // Stored under a key of this very time: two processes store it once, and a crash before it moved on stores nothing twice.
    await ports.ingest(await envelopeOf(schedule, memberClass));
    await advanceSchedule(database, { id: schedule.id, dueAt: schedule.due_at });
  }

  async function whyNot(
    schedule: DueSchedule,
  ): Promise<{ readonly rule?: string; readonly memberClass?: MemberClass }> {
    const no = (rule: string) => ({ rule });
    const agent = ports.directory.get(schedule.agent_id);
    if (agent === undefined) return no("agent_removed");
    if (agent.status !== "active") return no(`agent_${agent.status}`);
    if (!agent.definition.speaksFirst) return no("does_not_speak_first");
    const path = pathOf(schedule);
    const { installation_id: installationId, organization_id: organizationId } = schedule;
    const may = agentMay(agent, "post", { installationId, path }, ports.policies.of(organizationId), {
      archived: schedule.archived === true,
      ...(schedule.self_member === null ? {} : { identityInChannel: schedule.self_member }),
    });
    if (!may.allowed) return no(may.rule);
    const where = { organizationId, installationId, path };
    const fact = await ports.facts.of({ ...where, personId: schedule.requested_by });
    // A platform that does not answer just now is no reason to end what somebody wanted.
    if (fact.membership === "unknown") return no(LATER);
    const start = await ports.rights.personMay(schedule.requested_by, "start_agent", where);
    return start.allowed ? { memberClass: fact.memberClass } : no(`asker_${start.rule}`);
  }

  async function end(schedule: DueSchedule, rule: string): Promise<void> {
    const { id, organization_id: organizationId } = schedule;
    const ended = await cancelSchedule(database, { id, organizationId, reason: rule, by: "schedule" });
    if (ended)
      await tell(schedule, rule).catch((error: unknown) =>
        logger.info({ err: error }, "a schedule's end could not be told"),
      );
  }

  /** One notice where the agent may still speak; where it may not, nothing is said. */
  async function tell(schedule: DueSchedule, rule: string): Promise<void> {
    const agent = ports.directory.get(schedule.agent_id);
    const path = pathOf(schedule);
    const { installation_id: installationId, organization_id: organizationId } = schedule;
    if (agent === undefined || agent.status === "stopped") return;
    if (!agentMay(agent, "post", { installationId, path }, ports.policies.of(organizationId)).allowed) return;
    const message = `${agent.identity.name} will not do any more what ${schedule.requested_by_name} asked it to do at certain times (${rule}).`;
    const posts =
      ports.adapters
        .get(schedule.platform)
        ?.render([{ type: "error", code: "PERMISSION_DENIED", message, retryable: false }], {
          identity: agent.identity,
          conversation: path,
          mentionable: [],
        }) ?? [];
    for (const [ordinal, post] of posts.entries())
      await insertDelivery(database, {
        id: ports.newId("d"),
        organizationId,
        agentId: agent.agentId,
        conversationId: schedule.conversation_id,
        ordinal,
        body: post.body,
        fallbackText: post.fallbackText,
        key: `schedule:${schedule.id}:${ordinal}`,
      });
    ports.ringOutbox(schedule.conversation_id);
  }

  async function envelopeOf(schedule: DueSchedule, memberClass?: MemberClass): Promise<EnvelopeInput> {
    const conversation = pathOf(schedule);
    const { installation_id: installationId } = schedule;
    return {
      version: ENVELOPE_VERSION,
      kind: "schedule_fired",
      organizationId: schedule.organization_id,
      installationId,
      platform: schedule.platform,
      conversation,
      sender: {
        id: schedule.requested_by,
        kind: "human",
        ...(memberClass === undefined || memberClass === "agent" || memberClass === "bot" ? {} : { memberClass }),
        name: schedule.requested_by_name,
      },
      occurredAt: new Date().toISOString(),
      platformOrder: await newestOrder(database, schedule.conversation_id),
      dedupeKey: `schedule:${schedule.id}:${schedule.due_at.getTime()}`,
      orderingKey: conversationKey(installationId, conversation.channel.id, conversation.thread?.id),
      traceId: randomBytes(16).toString("hex"),
      body: { scheduleId: schedule.id, agentId: schedule.agent_id, task: schedule.task },
    };
  }

  return {
    start() {
      if (!stopped) return;
      stopped = false;
      plan(0);
    },
    wake: () => plan(20),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

function pathOf(schedule: DueSchedule): ConversationPath {
  return schedule.path as ConversationPath; // written from a validated envelope
}
