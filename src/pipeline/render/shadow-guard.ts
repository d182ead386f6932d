import { isWithin } from "../../access/audience.ts";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import type { TurnEnd } from "./turn-ends.ts";

/** Stands before every end of a turn of an agent in shadow: what it says is shown in the review room, if all who read that may read where it was asked. */
export interface ShadowGuard {
  /** The end as it may be committed: with a header that names where it would have been said, or without anything to say. */
  check(turn: RunnableTurn, end: TurnEnd): Promise<TurnEnd>;
}

export function createShadowGuard(ports: { readonly database: Database; readonly facts: MemberFacts }): ShadowGuard {
  return {
    async check(turn, end) {
      if (end.parts.length === 0) return end;
      const { organizationId, installationId } = turn;
      const [room, heard] = await Promise.all([
        ports.facts.audienceOf({ organizationId, installationId, path: turn.replyPath }),
        ports.facts.audienceOf({ organizationId, installationId, path: turn.envelope.conversation }),
      ]);
      const verdict = isWithin(room, heard);
      await appendAudit(ports.database, organizationId, [
        {
          what: verdict.within ? "routing" : "denied",
          by: turn.agent.handle,
          rule: verdict.within ? "shadow" : `shadow_${verdict.rule}`,
          turn: turn.turnId,
          heardIn: turn.conversationId,
          shownIn: turn.replyConversationId,
          ...(verdict.within ? {} : { strangers: verdict.strangers }),
        },
      ]);
      if (verdict.within) return { ...end, parts: withHeader(turn, end.parts) };
      const outcome = end.outcome === "answered" ? "cancelled" : end.outcome;
      return { ...end, outcome, reason: `shadow_${verdict.rule}`, parts: [] };
    },
  };
}

/** One message says where it would have been said, to whom, and what. Pure. */
export function withHeader(
  turn: Pick<RunnableTurn, "agent" | "envelope">,
  parts: readonly ReplyPart[],
): readonly ReplyPart[] {
  const { conversation, sender, body } = turn.envelope;
  const place = conversation.channel.name ?? conversation.channel.id;
  const thread = conversation.thread === undefined ? "" : `, thread ${literal(conversation.thread.id)}`;
  const message = "messageId" in body && body.messageId !== undefined ? `, message ${literal(body.messageId)}` : "";
  const header = `**In shadow**: @${turn.agent.handle} would have answered ${plainName(sender.name ?? sender.id)} in ${literal(place)} (${literal(conversation.channel.id)}${thread}${message}):`;
  const [first, ...rest] = parts;
  return first?.type === "text"
    ? [{ ...first, markdown: `${header}\n\n${first.markdown}` }, ...rest]
    : [{ type: "text", markdown: header }, ...parts];
}

/** Names are people's own words: nothing in them is markup here. */
function plainName(name: string): string {
  return literal(name.slice(0, 80));
}

function literal(text: string): string {
  return `\`${text.replaceAll(/[`\r\n]/g, " ")}\``;
}
