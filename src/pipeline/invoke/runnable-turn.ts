import type { TurnReason } from "../../contracts/connector.ts";
import type { ContentBlock } from "../../envelope/content.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { StartedTurn } from "../../ledger/routing.ts";
import type { LoadedTurn } from "../../ledger/turns.ts";
import type { TranscriptEntry } from "../assemble/transcripts.ts";
import { createTurnSources, type TurnSources } from "../assemble/turn-sources.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";
import type { PlannedTurn } from "../route/conversation-plan.ts";

/** A turn that this process has claimed and runs now. */
export interface RunnableTurn {
  readonly turnId: string;
  readonly organizationId: string;
  readonly agent: DirectoryAgent;
  readonly conversationId: string;
  readonly replyConversationId: string;
  readonly replyPath: ConversationPath;
  readonly installationId: string;
  readonly platform: string;
  readonly reason: TurnReason;
  readonly epoch: number;
  readonly attempt: number;
  /** Of the attempts, how many did not reach the agent. */
  readonly retries: number;
  /** How often its worker ended while it ran, as far as it is suspected of that. */
  readonly deaths: number;
  readonly hopCount: number;
  readonly rootEventId: string;
  readonly eventId: string;
  readonly envelope: Envelope;
  /** The newest content of the trigger, where it differs from the envelope. */
  readonly currentContent: readonly ContentBlock[] | undefined;
  /** By this process's own clock, which may differ from the ledger's by a minute. */
  readonly deadlineAt: Date;
  /** What was said before, already on its way; else it is read when the turn begins. */
  readonly transcript: Promise<readonly TranscriptEntry[]> | undefined;
  /** The reply came already, to the turn's reply address. */
  readonly deferredReply: unknown;
  /** A live preview that an earlier attempt left behind. */
  readonly hasPreview: boolean;
  /** What it has read, here and in earlier attempts. */
  readonly sources: TurnSources;
}

/** A turn just opened by routing. */
export function fromPlanned(
  planned: PlannedTurn,
  started: Pick<StartedTurn, "epoch" | "attempt">,
  transcript: RunnableTurn["transcript"],
): RunnableTurn {
  const { row, agent, envelope, claimed, replyPath } = planned;
  const newer = claimed.events?.find((event) => event.id === row.event)?.newer;
  return {
    turnId: row.id,
    organizationId: row.org,
    agent,
    conversationId: row.conv,
    replyConversationId: row.reply_conv,
    replyPath,
    installationId: claimed.installation_id,
    platform: claimed.platform,
    reason: row.reason as TurnReason, // written by planTurns
    epoch: started.epoch,
    attempt: started.attempt,
    retries: 0,
    deaths: 0,
    hopCount: row.hop,
    rootEventId: row.root,
    eventId: row.event,
    envelope,
    currentContent: newer?.content as ContentBlock[] | undefined, // written from a validated envelope
    deadlineAt: new Date(Date.now() + row.timeout_ms),
    transcript,
    deferredReply: undefined,
    hasPreview: false,
    sources: createTurnSources([]),
  };
}

/** A turn read back from the ledger: promoted from its queue or taken over. Undefined when its agent is gone. */
export function fromLoaded(turn: LoadedTurn, directory: Directory): RunnableTurn | undefined {
  const agent = directory.get(turn.agent_id);
  if (agent === undefined) return undefined;
  return {
    turnId: turn.id,
    organizationId: turn.organization_id,
    agent,
    conversationId: turn.conversation_id,
    replyConversationId: turn.reply_conversation_id,
    replyPath: turn.reply_path as ConversationPath, // written from a validated envelope
    installationId: turn.installation_id,
    platform: turn.platform,
    reason: turn.reason as TurnReason, // written by planTurns
    epoch: turn.epoch,
    attempt: turn.attempt,
    retries: turn.retries,
    deaths: turn.deaths,
    hopCount: turn.hop_count,
    rootEventId: turn.root_event_id,
    eventId: turn.event_id,
    envelope: turn.envelope as Envelope, // validated at ingest
    currentContent: (turn.current_content ?? undefined) as ContentBlock[] | undefined, // written from a validated envelope
    deadlineAt: new Date(Date.now() + (turn.remaining_ms ?? agent.definition.turnTimeoutMs)),
    transcript: undefined,
    deferredReply: turn.deferred_reply ?? undefined,
    hasPreview: turn.preview_id !== null,
    sources: createTurnSources(turn.sources ?? []),
  };
}
