import type { ConversationPath, Sender } from "../../envelope/conversation.ts";
import type { EventKind } from "../../envelope/envelope.ts";
import type { ClaimedConversation, OpenTurn } from "../../ledger/claims.ts";
import type { PlanContext } from "./conversation-plan.ts";
import { weighSender } from "./decide.ts";

/**
 * The rule by which a turn may not start or go on any more: who asked for it had the right when it was admitted and has lost it since. Undefined when it may.
 *
 * A decision on a question was weighed with the facts of its moment, and stands.
 */
export function barredAsker(
  turn: Pick<OpenTurn, "asked">,
  claimed: Pick<ClaimedConversation, "organization_id" | "installation_id">,
  context: Pick<PlanContext, "policies">,
): string | undefined {
  if (turn.asked === null) return undefined;
  const kind = turn.asked.kind as EventKind; // written from a validated envelope
  if (kind === "action_submitted") return undefined;
  const where = { installationId: claimed.installation_id, path: turn.asked.path as ConversationPath }; // see above
  const sender = turn.asked.sender as Sender; // see above
  const start = weighSender({ kind, sender }, where, context.policies.of(claimed.organization_id));
  return start?.allowed === false ? `sender_${start.rule}` : undefined;
}
