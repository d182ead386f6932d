import { DeferredReply } from "../../contracts/deferred-reply.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { stopOfTurn } from "../../ledger/switches.ts";
import { storeDeferredReply } from "../../ledger/turns.ts";
import type { Doorbell } from "../../queue/queue-port.ts";
import type { ReplyTokens } from "./reply-tokens.ts";

export interface DeferredReplyPorts {
  readonly database: Database;
  readonly doorbell: Doorbell;
  readonly replyTokens: ReplyTokens;
  readonly wake: () => void;
}

/**
 * Takes the single-use deferred reply of the turn that a token is for; where it goes was bound when the turn was admitted.
 *
 * What comes with a token that was issued here and is refused, is in the audit log.
 */
export async function takeDeferredReply(
  { database, doorbell, replyTokens, wake }: DeferredReplyPorts,
  token: string,
  reply: unknown,
): Promise<{ readonly turnId: string }> {
  const turnId = replyTokens.verify(token);
  const turn = turnId === undefined ? undefined : await stopOfTurn(database, turnId);
  if (turnId === undefined || turn === undefined)
    throw new ParleyError("UNAUTHENTICATED", { detail: "this reply address was not issued here" });

  async function refuse(rule: string, error: ParleyError): Promise<never> {
    const { organizationId } = turn ?? { organizationId: "" };
    await appendAudit(database, organizationId, [
      { what: "denied", by: "reply_address", action: "reply", rule, turn: turnId },
    ]);
    throw error;
  }

  const parsed = DeferredReply.safeParse(reply);
  if (!parsed.success) {
    const detail = 'the body must be a reply ({"parts": [...]}) or {"text": "..."}';
    return await refuse("reply_invalid", new ParleyError("REQUEST_INVALID", { detail }));
  }
  if (turn.rule !== null)
    return await refuse(
      turn.rule,
      new ParleyError("PERMISSION_DENIED", { detail: `nothing is taken or sent (${turn.rule})` }),
    );
  const outcome = await storeDeferredReply(database, turnId, parsed.data);
  if (outcome !== "stored") {
    const detail = outcome === "used" ? "this turn has its reply already" : "this turn has ended";
    return await refuse(`reply_${outcome}`, new ParleyError("CONFLICT", { detail }));
  }
  wake();
  doorbell.ringQuietly([turnId]);
  return { turnId };
}
