import { contentToText } from "../../envelope/content.ts";
import type { ClaimedEvent } from "../../ledger/claims.ts";
import type { DecisionRow, RoutedEventRow } from "../../ledger/routing.ts";
import type { Decision, RoutableEnvelope } from "./decide.ts";

/** What an agent is asked, in words: the newest text, the command or the choice. */
export function textOf(envelope: RoutableEnvelope, event: ClaimedEvent): string {
  if (envelope.kind === "command_invoked") return envelope.body.text;
  if (envelope.kind === "action_submitted") return envelope.body.value ?? envelope.body.actionId;
  if (envelope.kind === "schedule_fired") return envelope.body.task;
  return "content" in envelope.body ? (event.newer?.text ?? contentToText(envelope.body.content)) : "";
}

/** What an event comes to, as routing commits it. */
export function eventRow(
  event: ClaimedEvent,
  plan: { readonly claimed: { readonly id: string } },
  end: {
    state: string;
    reason: string | null;
    openTurns?: number;
    steered?: string;
    replaces?: readonly string[] | undefined;
  },
): RoutedEventRow {
  return {
    id: event.id,
    conv: plan.claimed.id,
    state: end.state,
    reason: end.reason,
    open_turns: end.openTurns ?? 0,
    steered: end.steered ?? null,
    ...(end.replaces === undefined ? {} : { replaces: end.replaces }),
  };
}

/** One record of who got a turn, as routing commits it. */
export function decisionRow(
  event: ClaimedEvent,
  decision: Decision,
  turn: { planned?: { readonly row: { readonly id: string } }; steered?: string } | undefined,
  late: boolean,
): DecisionRow {
  return {
    event: event.id,
    agent: decision.agentId,
    verdict: turn?.steered === undefined ? decision.verdict : "steered",
    rule: decision.rule,
    turn: turn?.planned?.row.id ?? turn?.steered ?? null,
    detail: late ? { late: true } : null,
  };
}
