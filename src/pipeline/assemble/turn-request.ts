import type { TurnRequest } from "../../contracts/connector.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import type { Directory } from "../directory.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { heardIn } from "../invoke/shadow.ts";
import { othersAsked } from "./others-asked.ts";
import type { Rosters } from "./roster.ts";
import { sessionKeyOf } from "./session-key.ts";
import { toTranscript, toTrigger } from "./transcript.ts";
import type { TranscriptEntry } from "./transcripts.ts";

export interface AssemblePorts {
  readonly sql: SqlRunner;
  readonly directory: Directory;
  readonly rosters: Rosters;
}

/** Puts together what an agent is given for a turn; `read` gives what was said before, and is asked only where the agent wants it. */
export async function assembleTurn(
  turn: RunnableTurn,
  { sql, directory, rosters }: AssemblePorts,
  read: () => Promise<readonly TranscriptEntry[]>,
): Promise<TurnRequest> {
  const { historyMessages } = turn.agent.definition;
  const trigger = toTrigger(turn.envelope, turn.conversationId, turn.currentContent);
  const entries = historyMessages > 0 ? await read() : [];
  return {
    turnId: turn.turnId,
    attempt: turn.attempt,
    organizationId: turn.organizationId,
    agent: turn.agent.identity,
    sessionKey: sessionKeyOf({
      organizationId: turn.organizationId,
      agentId: turn.agent.agentId,
      installationId: turn.installationId,
      path: heardIn(turn).path,
    }),
    reason: turn.reason,
    conversation: { platform: turn.platform, ...heardIn(turn) },
    trigger,
    transcript: toTranscript(
      entries,
      // An action names the message with the question, which the agent must find among the earlier ones.
      trigger.action === undefined ? trigger.messageId : undefined,
      historyMessages,
      turn.envelope.platformOrder,
    ),
    roster: await rosters.of(turn.organizationId, turn.installationId, heardIn(turn).path),
    ...(await othersAsked(sql, directory, turn)),
    deadlineAt: turn.deadlineAt.toISOString(),
  };
}
