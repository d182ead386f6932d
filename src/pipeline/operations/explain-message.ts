import type { Explanation, ExplanationStep } from "../../contracts/operations.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import {
  type ExplainedDelivery,
  type ExplainedTurn,
  findEvent,
  listDecisions,
  listDeliveries,
  listJournal,
  listTurns,
} from "../../ledger/explain.ts";

/** The whole path of one message through the pipeline, from the rows that it left; undefined when nothing matches. */
export async function explainMessage(
  sql: SqlRunner,
  organizationId: string,
  reference: string,
): Promise<Explanation | undefined> {
  const event = await findEvent(sql, organizationId, reference);
  if (event === undefined) return undefined;
  const [decisions, turns] = await Promise.all([listDecisions(sql, event.id), listTurns(sql, event.id)]);
  const turnIds = turns.map((turn) => turn.id);
  const [deliveries, journal] = await Promise.all([listDeliveries(sql, turnIds), listJournal(sql, event.id, turnIds)]);
  const steps: ExplanationStep[] = [
    {
      at: event.received_at.toISOString(),
      verb: "ingest",
      outcome: "stored",
      rule: "commit_before_acknowledge",
      detail: { dedupeKey: event.dedupe_key, sender: event.sender_kind },
    },
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
        },
      }),
    ),
    ...turns.flatMap(turnSteps),
    ...deliveries.map(deliveryStep),
    ...journal.map(
      (step): ExplanationStep => ({
        at: step.at.toISOString(),
        verb: toVerb(step.verb),
        outcome: step.outcome,
        rule: step.rule,
        ...(step.detail === null ? {} : { detail: step.detail }),
      }),
    ),
  ];
  return {
    eventId: event.id,
    kind: event.kind,
    platform: event.platform,
    state: event.state,
    ...(event.state_reason === null ? {} : { stateReason: event.state_reason }),
    traceId: event.trace_id,
    steps: steps.toSorted((a, b) => a.at.localeCompare(b.at)),
  };
}

function turnSteps(turn: ExplainedTurn): ExplanationStep[] {
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
            outcome: "started",
            rule: turn.reason,
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
            detail: { turnId: turn.id, parts: turn.parts ?? 0 },
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

function deliveryStep(delivery: ExplainedDelivery): ExplanationStep {
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
    },
  };
}

function toVerb(verb: string): ExplanationStep["verb"] {
  return verb === "ingest" || verb === "route" || verb === "assemble" || verb === "render" || verb === "deliver"
    ? verb
    : "invoke";
}
