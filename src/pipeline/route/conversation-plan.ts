import type { PolicyBook } from "../../access/policy-book.ts";
import type { AgentReach } from "../../contracts/connector.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { ClaimedConversation, OpenTurn } from "../../ledger/claims.ts";
import type { CancelRow, DecisionRow, NewTurnRow, RoutedEventRow } from "../../ledger/routing.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";
import type { RequestClick } from "../requests/click-decider.ts";
import type { RoutableEnvelope } from "./decide.ts";
import type { LoopLimits } from "./loop-guard.ts";
import type { LoopCounts } from "./loop-ledger.ts";
import type { PausedAsk } from "./paused-notices.ts";
import type { ReviewRooms } from "./review-rooms.ts";

/** A turn that routing opened, with the event that it answers. */
export interface PlannedTurn {
  readonly row: NewTurnRow;
  readonly agent: DirectoryAgent;
  readonly envelope: RoutableEnvelope;
  readonly claimed: ClaimedConversation;
  readonly replyPath: ConversationPath;
}

/** What a conversation's pending events come to. */
export interface ConversationPlan {
  readonly claimed: ClaimedConversation;
  readonly events: RoutedEventRow[];
  readonly decisions: DecisionRow[];
  readonly turns: PlannedTurn[];
  readonly promote: { readonly turn: OpenTurn; readonly timeoutMs: number }[];
  /** A turn waits for its agent to have a slot again. */
  starved: boolean;
  /** Agents whose turns wait here for the other process that reaches them. */
  readonly elsewhere: Set<string>;
  readonly cancel: CancelRow[];
  /** The person who takes it over from here on; empty where its agents have it back. */
  takenOver: string | undefined;
  /** Commands and stops that want an answer visible to the caller. */
  readonly commands: { readonly envelope: Envelope; readonly stopped: number }[];
  /** Choices on notices of withheld answers, which are Parley's own. */
  readonly withheldClicks: Envelope[];
  /** Choices on questions that agents asked: to be decided, or too late. */
  readonly requestClicks: { readonly click: RequestClick; readonly late: boolean }[];
  /** Agents that people asked although they are paused. */
  readonly paused: PausedAsk[];
  readonly suppressed: string[];
  /** Some event could not be decided yet and must be looked at again soon. */
  held: boolean;
  /** Events that could not be planned, with the error; they must not hold up the others. */
  readonly failed: { readonly eventId: string; readonly error: unknown }[];
}

export interface PlanContext {
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly newId: NewId;
  readonly loops: LoopCounts;
  readonly limits: LoopLimits;
  /** Events older than this are not answered any more, in ms. */
  readonly answerAgeMs: number;
  readonly defaultAgent: (organizationId: string) => string | undefined;
  /** Whether answers to a top-level message go into a thread under it on this platform. */
  readonly answersInThread: (platform: string) => boolean;
  readonly canSteer: (agentId: string) => boolean;
  readonly reviewRooms: ReviewRooms;
  /** Ids of events that wait because it is being found out what their sender is. Default: none. */
  readonly unsure?: ReadonlySet<string>;
  /** Whether an agent can be given a turn by this process now. */
  readonly reach: (agentId: string) => AgentReach;
  /** Takes a slot for one more turn of this agent; false when it has its share already and the turn must queue. */
  readonly takeSlot: (agentId: string) => boolean;
}
