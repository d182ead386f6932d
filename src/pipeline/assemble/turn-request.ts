import type { PolicyBook } from "../../access/policy-book.ts";
import type { TranscriptMessage, TurnRequest } from "../../contracts/connector.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { agentMay } from "../agent-grant.ts";
import type { Directory } from "../directory.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import { askingPerson } from "../route/asking-person.ts";
import { othersAsked } from "./others-asked.ts";
import type { PastReader } from "./past-reader.ts";
import type { Rosters } from "./roster.ts";
import { sessionKeyOf } from "./session-key.ts";
import { toTranscript, toTrigger } from "./transcript.ts";
import type { TranscriptEntry } from "./transcripts.ts";

export interface AssemblePorts {
  readonly sql: SqlRunner;
  readonly directory: Directory;
  readonly rosters: Rosters;
  readonly policies: PolicyBook;
  readonly couldRead: PastReader;
}

/**
 * Puts together what an agent is given for a turn; `read` gives what was said before, and is asked only where the agent wants it and may read it.
 *
 * What it may not read, history or roster, it is given empty, and the log says by which rule. What it was asked is its own to know.
 * Nor is it given what the asking person could not read there: its answer might tell it.
 */
export async function assembleTurn(
  turn: RunnableTurn,
  { sql, directory, rosters, policies, couldRead }: AssemblePorts,
  read: () => Promise<readonly TranscriptEntry[]>,
): Promise<TurnRequest> {
  const { historyMessages } = turn.agent.definition;
  const { installationId } = turn;
  const { path } = heardIn(turn);
  const may = async (action: "read_history" | "read_roster"): Promise<boolean> => {
    const { allowed, rule } = agentMay(turn.agent, action, { installationId, path }, policies.of(turn.organizationId));
    if (!allowed) {
      const denied = { by: turn.agent.agentId, turn: turn.turnId, action, rule, conversation: turn.conversationId };
      await appendAudit(sql, turn.organizationId, [{ what: "denied", ...denied }]);
    }
    return allowed;
  };
  const trigger = toTrigger(turn.envelope, turn.conversationId, turn.currentContent);
  const entries = historyMessages > 0 && (await may("read_history")) ? await read() : [];
  const transcript = toTranscript(
    entries,
    // An action names the message with the question, which the agent must find among the earlier ones.
    trigger.action === undefined ? trigger.messageId : undefined,
    historyMessages,
    turn.envelope.platformOrder,
  );
  const readableTo = async (
    personId: string | undefined,
    messages: readonly TranscriptMessage[],
  ): Promise<TranscriptMessage[]> => {
    if (personId === undefined) return [...messages];
    const messageIds = messages.map(({ messageId }) => messageId);
    const { organizationId, platform } = turn;
    const readable = await couldRead({ organizationId, platform, installationId, path, personId, messageIds });
    return messages.filter(({ messageId }) => readable.has(messageId));
  };
  return {
    turnId: turn.turnId,
    attempt: turn.attempt,
    organizationId: turn.organizationId,
    agent: turn.agent.identity,
    sessionKey: sessionKeyOf({
      organizationId: turn.organizationId,
      agentId: turn.agent.agentId,
      installationId,
      path,
    }),
    reason: turn.reason,
    conversation: { platform: turn.platform, ...heardIn(turn) },
    trigger,
    transcript: await readableTo(askingPerson(turn.envelope)?.id, transcript),
    roster: (await may("read_roster")) ? await rosters.of(turn.organizationId, installationId, path) : [],
    ...(await othersAsked(sql, directory, turn)),
    deadlineAt: turn.deadlineAt.toISOString(),
  };
}
