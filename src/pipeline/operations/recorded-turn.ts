import { z } from "zod";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { RecordedTurn } from "../../contracts/operations.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { ReplyPart } from "../../envelope/reply.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { type RecordedTurnFacts, readMessagesUntil, readRecordedTurn } from "../../ledger/recorded-turns.ts";
import { windowEntry } from "../../ledger/transcript-windows.ts";
import { loadTurns } from "../../ledger/turns.ts";
import { agentMay } from "../agent-grant.ts";
import { createRosters } from "../assemble/roster.ts";
import { fromRow } from "../assemble/transcript.ts";
import { assembleTurn } from "../assemble/turn-request.ts";
import type { Directory } from "../directory.ts";
import { fromLoaded, type RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import { askerStoppedBy } from "./weigh-replay.ts";

/** As the ledger keeps it: without the bytes of files. */
const StoredReply = z.object({ parts: z.array(ReplyPart) });

interface RecordedPorts {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly facts: MemberFacts;
}

/**
 * What an agent would be given today for a turn that was, and what it answered then; nothing is run and nothing is posted.
 *
 * The right of then counts for nothing: agent and asking person must be allowed there now, and what was deleted since is gone. Throws
 * NOT_FOUND, and PERMISSION_DENIED with the rule; both a refusal and a look are in the audit log.
 */
export async function readTurnAgain(
  ports: RecordedPorts,
  organizationId: string,
  turnId: string,
  how: { readonly by: string },
): Promise<RecordedTurn> {
  const { database, directory, policies } = ports;
  const [facts, [loaded]] = await Promise.all([
    readRecordedTurn(database, organizationId, turnId),
    loadTurns(database, [turnId]),
  ]);
  if (facts === undefined || loaded === undefined || loaded.organization_id !== organizationId)
    throw new ParleyError("NOT_FOUND", { detail: 'there is no such turn; "parley explain" shows those of a message' });
  const turn = fromLoaded(loaded, directory);
  const rule = turn === undefined ? "agent_removed" : await stoppedBy(turn, facts, ports);
  if (turn === undefined || rule !== undefined) {
    await appendAudit(database, organizationId, [
      { what: "denied", by: how.by, action: "read_turn_again", turn: turnId, rule: rule ?? "agent_removed" },
    ]);
    throw new ParleyError("PERMISSION_DENIED", {
      detail: `the turn cannot be given again today (${rule ?? "agent_removed"})`,
    });
  }
  const { channel, thread } = turn.envelope.conversation;
  const request = await assembleTurn(
    turn,
    {
      sql: database,
      directory,
      rosters: createRosters(database, directory, policies),
      policies,
      couldRead: async (question) => (await ports.facts.couldRead(question)).readable,
    },
    async () => {
      const rows = await readMessagesUntil(
        database,
        { conversationId: turn.conversationId, installationId: turn.installationId, channelId: channel.id },
        {
          platformOrder: turn.envelope.platformOrder,
          threadId: thread?.id ?? null,
          limit: turn.agent.definition.historyMessages + 1,
        },
      );
      return rows.map((row) => ({
        platformOrder: row.platform_order,
        name: windowEntry(row.message_id, row.revision),
        message: fromRow(row),
      }));
    },
  );
  await appendAudit(database, organizationId, [
    { what: "context_read", by: how.by, turn: turnId, agent: turn.agent.agentId, rule: "given_again_for_development" },
  ]);
  const reply = StoredReply.safeParse(facts.reply);
  return {
    handle: turn.agent.handle,
    state: facts.state,
    request,
    ...(reply.success ? { reply: reply.data.parts } : {}),
  };
}

async function stoppedBy(
  turn: RunnableTurn,
  facts: RecordedTurnFacts,
  { policies, facts: members }: RecordedPorts,
): Promise<string | undefined> {
  const own = policies.of(turn.organizationId);
  const where = { installationId: facts.asked_installation_id, path: heardIn(turn).path };
  const decision = agentMay(turn.agent, "read_history", where, own, {
    archived: facts.archived === true,
    identityInChannel: facts.self_member !== false,
  });
  if (!decision.allowed) return decision.rule;
  if (facts.message_deleted) return "message_deleted";
  const asked = { ...facts, asked_path: facts.asked_path as ConversationPath }; // written from a validated envelope
  return askerStoppedBy(turn.organizationId, asked, own, members);
}
