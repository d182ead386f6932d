import type { ContentBlock } from "../envelope/content.ts";
import type { ConversationPath } from "../envelope/conversation.ts";
import type { ReplyEventInput } from "../envelope/reply-event.ts";
import type { AgentIdentity } from "./adapter.ts";
import type { DeferredReply } from "./deferred-reply.ts";
import type { JsonValue } from "./json.ts";
import type { Logger } from "./logger.ts";
import type { TurnRequests } from "./turn-requests.ts";
import type { TurnSession } from "./turn-session.ts";
import type { TurnTool } from "./turn-tool.ts";

/**
 * What the code that reaches one agent must do. One instance serves all turns of that agent, many at a time.
 *
 * Contract: CO-LIFE-01 creating a connector does no I/O; `close` may be called twice and ends what it opened.
 * Contract: CO-INV-01 `invoke` yields text and parts in the agent's order and ends with exactly one `done` or `deferred`.
 * Contract: CO-INV-02 two turns at once never mix their events.
 * Contract: CO-INV-03 the same turnId reaches the agent as the same idempotency key on each attempt.
 * Contract: CO-STOP-01 once `signal` aborts, `invoke` ends within a second and no connection of that turn stays open.
 * Contract: CO-ERR-01 an agent that cannot be reached gives AGENT_UNAVAILABLE, one that fails AGENT_CRASHED, one that answers nonsense AGENT_REPLY_INVALID, one that answers without end AGENT_REPLY_TOO_LARGE.
 * Contract: CO-ERR-02 a reply that was cut off is an error and never a `done`.
 * Contract: CO-SIZE-01 no more than MAX_REPLY_BYTES plus artifacts are held in memory, whatever the agent sends.
 * Contract: CO-SEC-01 no platform token, no secret of another agent and no conversation beyond the request reaches the agent.
 * Contract: CO-LOG-01 neither secrets nor message text appear in logs or errors.
 */
export interface AgentConnector {
  readonly kind: string;
  readonly features: ConnectorFeatures;
  invoke(request: TurnRequest, io: TurnIo): AsyncIterable<ConnectorEvent>;
  /** Says whether a turn would reach the agent now, and if not what to do. Never throws. */
  check(signal: AbortSignal): Promise<ConnectorCheck>;
  /** Whether a turn can be begun from this process; one that cannot stays queued. Cheap: asked for every turn. Default: always `now`. */
  reach?(): AgentReach;
  close(): Promise<void>;
  /**
   * Fetches the reply of a deferred turn, once the agent has said that its task came on; undefined while it still works.
   * Absent where agents post their replies themselves. Errors: as `invoke`.
   */
  collect?(taskId: string, signal: AbortSignal): Promise<DeferredReply | undefined>;
}

/**
 * `now`: it takes a turn. `busy`: it has as many as it takes. `elsewhere`: another process reaches it, and gets the turn. `away`: nobody does,
 * and whoever does again asks for what is queued.
 */
export type AgentReach = "now" | "busy" | "elsewhere" | "away";

export interface ConnectorFeatures {
  /** Messages that arrive during a turn can be handed to it by `io.steering`. */
  readonly steer: boolean;
  /** The agent reaches its turn's tools by itself; others may use them by commands in what they write. Default false. */
  readonly tools?: boolean;
  /** How its turns wait while it cannot be reached. Default: two more attempts within a few seconds. */
  readonly retry?: RetrySchedule;
}

/** How turns wait, in the ledger, for an agent that cannot be reached (AGENT_UNAVAILABLE); a pause that the agent names is kept where it is longer. */
export interface RetrySchedule {
  /** Pauses before the second and each further attempt at a turn, in ms; the turn's deadline moves along. */
  readonly pausesMs: readonly number[];
  /** From a pause of this length on people are told, once for a turn, that the answer comes later, in ms. */
  readonly tellFromMs: number;
  /** An agent that no call has reached for this long is paused, and its owner told, in ms. */
  readonly disableAfterMs: number;
}

/** `deferred` ends the invocation without a reply: it comes later to the reply address, until `deadlineMs` from now. */
export type ConnectorEvent = ReplyEventInput | { readonly type: "deferred"; readonly deadlineMs: number };

export interface ConnectorCheck {
  readonly ok: boolean;
  readonly detail: string;
}

/** Everything an agent is given for one turn; nothing of it names a platform credential. */
export interface TurnRequest {
  readonly turnId: string;
  /** 1 for the first invocation; more after a crash or a retry of the same turn. */
  readonly attempt: number;
  readonly organizationId: string;
  readonly agent: AgentIdentity;
  /** Names this agent's memory of this conversation: equal for all its turns there and for no others. An agent keeps what it remembers under this alone. */
  readonly sessionKey: string;
  readonly reason: TurnReason;
  readonly conversation: {
    readonly conversationId: string;
    readonly platform: string;
    readonly path: ConversationPath;
  };
  readonly trigger: TranscriptMessage;
  /** Messages before the trigger, oldest first: the thread's, or the channel's where there is no thread. */
  readonly transcript: readonly TranscriptMessage[];
  readonly roster: readonly RosterEntry[];
  /** Other agents that were asked by the same message, as handles. Default: none. */
  readonly alsoAsked?: readonly string[];
  /** Agents that have answered it already, as handles. Default: none. */
  readonly answeredBy?: readonly string[];
  /** What the tools answered that this agent called by commands in its last reply here. Default: none. */
  readonly commandResults?: readonly CommandResult[];
  /** ISO 8601; the signal aborts then, unless a question to people has stopped the clock. */
  readonly deadlineAt: string;
}

/** What became of a command `⟦⟦ NAME {json} ⟧⟧` that an agent wrote. */
export interface CommandResult {
  readonly name: string;
  readonly ok: boolean;
  readonly result: JsonValue;
}

export type TurnReason =
  | "mention"
  | "direct_message"
  | "reply_to_agent"
  | "thread_participant"
  | "subscription"
  | "command"
  | "action"
  | "handoff"
  | "schedule";

export interface TranscriptMessage {
  /** The platform's id; of an action the id of the message that asked. */
  readonly messageId: string;
  readonly conversationId: string;
  readonly sender: {
    readonly id: string;
    readonly kind: "human" | "agent" | "bot" | "external_guest";
    readonly name: string;
    readonly agent?: string;
  };
  readonly content: readonly ContentBlock[];
  readonly text: string;
  readonly occurredAt: string;
  readonly edited: boolean;
  /** What a person chose or filled in, when the message stands for that; `text` says the same in words. */
  readonly action?: ActionTaken;
}

/** `actionId` is the approvalId or inputId that the agent gave; `value` the id of the option; `fields` the answers by field id. */
export interface ActionTaken {
  readonly actionId: string;
  readonly value?: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface RosterEntry {
  readonly id: string;
  readonly kind: "human" | "agent" | "bot" | "external_guest";
  readonly name: string;
  readonly handle?: string;
  readonly description?: string;
}

/** A file that somebody posted, as the platform keeps it. */
export interface TurnFile {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly name: string;
}

/** The files of the messages that a turn was given, and no others. */
export interface TurnFiles {
  /** Errors: NOT_FOUND for an id that no message of this turn names, PAYLOAD_TOO_LARGE, those of the platform. `maxBytes` defaults to 25 MiB, which is the most. */
  read(mediaId: string, options?: { readonly maxBytes?: number }): Promise<TurnFile>;
  /** An address where the file can be fetched once, without a token, while the turn lasts; undefined for an id that no message of this turn names. */
  url(mediaId: string): string | undefined;
}

/** The address of the tools of one turn; the token is good for nothing else and ends with the turn. */
export interface ToolAccess {
  readonly url: string;
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export interface TurnIo {
  /** Absent where the platform's files cannot be read. */
  readonly files?: TurnFiles;
  readonly signal: AbortSignal;
  /** Messages that arrived since the turn began, for connectors that steer; ends with the turn. */
  readonly steering: AsyncIterable<TranscriptMessage>;
  /** The single-use address where a deferred reply to this turn can be posted. */
  replyUrl(): string;
  /** Tools bound to this turn: what it may read and do beyond answering. */
  readonly tools: readonly TurnTool[];
  /** Where an agent outside can call the same tools by MCP, with a token of this turn that ends with it. Absent where no address is known. */
  readonly toolAccess?: () => ToolAccess;
  /** Asks people and waits. Absent where nobody can be asked. */
  readonly requests?: TurnRequests;
  /**
   * Calls off what the agent has asked at the end of earlier turns of this conversation and nobody has decided: its messages say so, and a later
   * choice is too late. For agents that wait for nothing any more once they were told something else.
   */
  readonly callOffQuestions?: () => Promise<void>;
  /** What the connector remembers of this agent in this conversation. Absent where nothing is kept. */
  readonly session?: TurnSession;
  /** Says that the agent is silent for a reason that is not its own, such as a connection that has to come back: its silence counts anew from now. */
  readonly notSilent?: () => void;
  readonly logger: Logger;
}
