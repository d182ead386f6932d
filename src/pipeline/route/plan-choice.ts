import type { EnvelopeOf } from "../../envelope/envelope.ts";
import type { ClaimedEvent } from "../../ledger/claims.ts";
import type { ConversationPlan } from "./conversation-plan.ts";
import { eventRow } from "./plan-rows.ts";

/**
 * Plans a choice on a question: who may make it is found out apart from routing, and once it is made it goes to whoever asked.
 *
 * True when there is nothing more to plan; false when the agent gets a turn for it.
 */
export function planChoice(
  plan: ConversationPlan,
  event: ClaimedEvent,
  envelope: EnvelopeOf<"action_submitted">,
): boolean {
  const { request } = event;
  const end = (state: string, reason: string): true => {
    plan.events.push(eventRow(event, plan, { state, reason }));
    return true;
  };
  // What stands on a message of an agent and is no question of it was made by nobody, or is forgotten.
  if (request === null) return event.target_agent === null ? false : end("dropped", "no_such_question");
  if (request.decided_event === event.id)
    return request.live ? end("answered", "decided_what_a_turn_waits_for") : false;
  plan.requestClicks.push({
    click: { eventId: event.id, requestId: request.id, ageMs: event.age_ms, envelope },
    late: !request.open,
  });
  if (!request.open) return end("dropped", "request_not_open");
  plan.held = true;
  return end("pending", "waits_for_its_decision");
}
