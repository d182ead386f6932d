import type { Explanation, ExplanationStep } from "../../contracts/operations.ts";
import { recordsAbout } from "../../ledger/audit-lookup.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import {
  type ExplainedDelivery,
  type ExplainedEvent,
  type ExplainedSource,
  type ExplainedStep,
  type ExplainedTurn,
  findEvent,
  listAskedAt,
  listDecisions,
  listDeliveries,
  listJournal,
  listSources,
  listTurns,
} from "../../ledger/explain.ts";
import { type AuditedSteps, readAudit } from "./audited-steps.ts";
import { type MessageReference, parseMessageReference } from "./message-reference.ts";

/** Who the explanation is for: operators see everything, members of the conversation nothing of other conversations. */
export type ExplanationView = "operator" | "member";

/**
 * The whole path of one message from the platform's event to the receipts, with the rule that decided each step, from the rows that it left
 * and the audit log; undefined when nothing matches.
 */
export async function explainMessage(
  sql: SqlRunner,
  organizationId: string,
  reference: string | MessageReference,
  view: ExplanationView = "operator",
): Promise<Explanation | undefined> {
  const wanted = typeof reference === "string" ? parseMessageReference(reference) : reference;
  const event = await findEvent(sql, organizationId, wanted);
  if (event === undefined) return undefined;
  const [decisions, turns] = await Promise.all([listDecisions(sql, event.id), listTurns(sql, event.id)]);
  const turnIds = turns.map((turn) => turn.id);
  const [deliveries, journal, sources, asked] = await Promise.all([
    listDeliveries(sql, turnIds),
    listJournal(sql, event.id, turnIds),
    listSources(sql, turnIds),
    listAskedAt(sql, turnIds),
  ]);
  const ids = [
    event.id,
    ...turnIds,
    ...deliveries.map((delivery) => delivery.id),
    ...asked.map((request) => request.id),
  ];
  const moments = [
    event.received_at,
    event.finished_at,
    ...decisions.map((decision) => decision.decided_at),
    ...turns.flatMap((turn) => [turn.created_at, turn.started_at, turn.replied_at, turn.finished_at]),
    ...deliveries.flatMap((delivery) => [delivery.created_at, delivery.first_attempt_at, delivery.delivered_at]),
    ...sources.map((source) => source.read_at),
    // Questions to people, which the audit log tells of.
    ...asked.flatMap((request) => [request.created_at, request.decided_at]),
  ].filter((moment) => moment !== null);
  const audited = readAudit(await recordsAbout(sql, organizationId, ids, moments), new Set(ids), view);
  const handles = new Map(turns.map((turn) => [turn.id, turn.handle]));
  const steps: ExplanationStep[] = [
    ingestStep(event, audited),
    ...decisions.map(
      (decision): ExplanationStep => ({
        at: decision.decided_at.toISOString(),
        verb: "route",
        agent: decision.handle,
        outcome: decision.verdict,
        rule: decision.rule,
        detail: {
          ...(decision.turn_id === null ? {} : { turnId: decision.turn_id }),
          ...(decision.detail?.late === true ? { late: true } : {}),
          ...audited.recordOf("routing", event.id),
        },
      }),
    ),
    ...turns.flatMap((turn) => turnSteps(turn, audited)),
    ...sources.map((source) => sourceStep(source, handles.get(source.turn_id), view)),
    ...deliveries.map((delivery) => deliveryStep(delivery, audited)),
    ...journal.map((step) => journalStep(step, view)),
    ...audited.steps,
  ];
  return {
    eventId: event.id,
    kind: event.kind,
    platform: event.platform,
    state: event.state,
    ...(event.state_reason === null ? {} : { stateReason: event.state_reason }),
    traceId: event.trace_id,
    steps: steps.toSorted((a, b) => a.at.localeCompare(b.at)),
    auditRecords: audited.records,
  };
}

function ingestStep(event: ExplainedEvent, audited: AuditedSteps): ExplanationStep {
  return {
    at: event.received_at.toISOString(),
    verb: "ingest",
    outcome: "stored",
    rule: "commit_before_acknowledge",
    detail: { dedupeKey: event.dedupe_key, sender: event.sender_kind, ...audited.recordOf("admission", event.id) },
  };
}

function sourceStep(source: ExplainedSource, agent: string | undefined, view: ExplanationView): ExplanationStep {
  const messages = { messages: source.message_ids.length };
  return {
    at: source.read_at.toISOString(),
    verb: "assemble",
    ...(agent === undefined ? {} : { agent }),
    outcome: "read_other_conversation",
    rule: "agent_and_asker_are_members",
    detail:
      view === "member"
        ? messages
        : {
            ...messages,
            channelId: source.channel_id,
            ...(source.channel_name === null ? {} : { channel: source.channel_name }),
            ...(source.thread_id === "" ? {} : { threadId: source.thread_id }),
            messageIds: [...source.message_ids],
          },
  };
}

/** Details of faults are for operators: they may hold addresses. */
function journalStep(step: ExplainedStep, view: ExplanationView): ExplanationStep {
  return {
    at: step.at.toISOString(),
    verb: toVerb(step.verb),
    outcome: step.outcome,
    rule: step.rule,
    ...(step.detail === null || view === "member" ? {} : { detail: step.detail }),
  };
}

function turnSteps(turn: ExplainedTurn, audited: AuditedSteps): ExplanationStep[] {
  const base = {
    agent: turn.handle,
    detail: { turnId: turn.id, attempt: turn.attempt, epoch: turn.epoch, hopCount: turn.hop_count },
  };
  return [
    ...(turn.started_at === null
      ? []
      : [
          {
            ...base,
            at: turn.started_at.toISOString(),
            verb: "invoke" as const,
            ...(turn.state_reason?.startsWith("budget_") === true
              ? { outcome: "refused", rule: turn.state_reason }
              : { outcome: "started", rule: turn.reason }),
          },
        ]),
    ...(turn.replied_at === null
      ? []
      : [
          {
            ...base,
            at: turn.replied_at.toISOString(),
            verb: "render" as const,
            outcome: "reply_committed",
            rule: turn.state_reason ?? "reply",
            detail: { turnId: turn.id, parts: turn.parts ?? 0, ...audited.recordOf("output", turn.id) },
          },
        ]),
    ...(turn.finished_at === null
      ? []
      : [
          {
            ...base,
            at: turn.finished_at.toISOString(),
            verb: "deliver" as const,
            outcome: turn.state,
            rule: turn.state_reason ?? "all_parts_settled",
          },
        ]),
  ];
}

function deliveryStep(delivery: ExplainedDelivery, audited: AuditedSteps): ExplanationStep {
  const at = delivery.delivered_at ?? delivery.first_attempt_at ?? delivery.created_at;
  return {
    at: at.toISOString(),
    verb: "deliver",
    agent: delivery.handle,
    outcome: delivery.state,
    rule: delivery.code ?? (delivery.preview ? "live_preview" : "outbox_in_order"),
    detail: {
      deliveryId: delivery.id,
      ordinal: delivery.ordinal,
      attempts: delivery.attempt,
      ...(delivery.message_id === null ? {} : { messageId: delivery.message_id }),
      ...(delivery.reason === null ? {} : { reason: delivery.reason }),
      ...audited.recordOf("delivery", delivery.id),
    },
  };
}

function toVerb(verb: string): ExplanationStep["verb"] {
  return verb === "ingest" || verb === "route" || verb === "assemble" || verb === "render" || verb === "deliver"
    ? verb
    : "invoke";
}
