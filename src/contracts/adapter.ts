import type { FastifyInstance } from "fastify";
import type { ConversationPath } from "../envelope/conversation.ts";
import type { ReplyPart } from "../envelope/reply.ts";
import type { AdapterFeatures } from "./adapter-features.ts";
import type { AdapterSink } from "./adapter-sink.ts";
import type { JsonValue } from "./json.ts";

/**
 * What a platform adapter must do. One instance serves all installations of its platform.
 *
 * Contract: AD-LIFE-01 creating an adapter does no I/O.
 * Contract: AD-LIFE-02 `start` and `stop` may each be called twice; the second call changes nothing.
 * Contract: AD-LIFE-03 `stop` takes no new events, waits for those being ingested, and closes every socket and timer.
 * Contract: AD-LIFE-04 an aborted signal ends a running `send` within a second.
 * Contract: AD-LIFE-05 a position (sync token, session and sequence) is stored only after the events that it covers were ingested; after a restart at any point each event of the platform was ingested.
 * Contract: AD-LIFE-06 what was said while the adapter was stopped is ingested after the start, as far as the platform keeps it; channels that were left are not read.
 * Contract: AD-AUTH-01 an unsigned, wrongly signed, stale (beyond 300 s either way) or oversized request is refused before it is parsed, and nothing is ingested.
 * Contract: AD-AUTH-02 a platform event is acknowledged only after `sink.ingest` resolved; when it rejects, the event is not acknowledged.
 * Contract: AD-ID-01 the same platform event gives the same dedupeKey on each delivery; two events never share one.
 * Contract: AD-ID-02 ids of two installations never produce equal orderingKeys or dedupeKeys.
 * Contract: AD-PARSE-01 an event of a known kind becomes an envelope that the schema accepts.
 * Contract: AD-PARSE-02 an unknown kind of event is ignored with a reason and acknowledged.
 * Contract: AD-PARSE-03 an event that fits no schema goes to `sink.ingestMalformed` with its reason and is acknowledged; nothing is thrown.
 * Contract: AD-PARSE-04 the installation's own posts are marked `sender.self`; other bots are `kind: "bot"`.
 * Contract: AD-PARSE-05 an edit or delete names the message id it changes; a change without new text is no edit.
 * Contract: AD-SEND-01 `render` is pure: equal input gives equal output, no I/O, no clock.
 * Contract: AD-SEND-02 every rendered post keeps the platform's limits; text over a limit is split without losing a character of content.
 * Contract: AD-SEND-03 `send` with an idempotencyKey writes at most one message, and a thrown error says by `delivery` whether it may have been written.
 * Contract: AD-SEND-04 no mass mention, person mention, or platform control sequence of the reply's text notifies anyone it was not allowed to.
 * Contract: AD-SEND-05 links in a reply cause no unfurl.
 * Contract: AD-SEND-06 a receipt's messageId is the id under which the platform's own log holds the message.
 * Contract: AD-SEND-07 every rendered post carries a plain-text fallback.
 * Contract: AD-SEND-08 `losses` names every part that the platform shows in another form, and only those.
 * Contract: AD-FEAT-01 a declared feature works on the platform; what the platform cannot do is absent.
 * Contract: AD-ERR-01 every platform failure is a ParleyError with the code, retry pause and delivery certainty of the errors table.
 * Contract: AD-ERR-02 after a rate limit no call to that method and channel starts before the pause the platform named; other channels go on.
 * Contract: AD-LOG-01 neither tokens nor message text appear in logs or errors.
 * Contract: AD-CONC-01 50 parallel sends to different conversations keep the order within each conversation.
 */
export interface ChatAdapter {
  /** Lower-case name of the platform: `slack`, `web`. */
  readonly platform: string;
  readonly limits: AdapterLimits;
  readonly features: AdapterFeatures;
  /** Opens connections of all installations; resolves when events can arrive. Connection loss later is the adapter's to mend and to report in `health`. */
  start(sink: AdapterSink, signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** Registers the adapter's HTTP routes; called before `start` and at most once. Absent when it takes no HTTP. */
  readonly mount?: (server: FastifyInstance) => Promise<void>;
  /** Turns the parts of a reply into posts in this platform's own form, in order. An empty list means that nothing is shown. */
  render(parts: readonly ReplyPart[], context: RenderContext): readonly RenderedPost[];
  /** Says, part by part, what this platform cannot show as it is and what stands there instead; empty when nothing is lost. Pure, as `render`. */
  losses(parts: readonly ReplyPart[], context: RenderContext): readonly RenderLoss[];
  /** Performs one platform write: a new message, or with `edit` the replacement of an existing one. */
  send(post: OutboundPost): Promise<Receipt>;
  /** Says whether a write of unknown outcome arrived, from the platform's own record. */
  reconcile(query: ReconcileQuery): Promise<ReconcileOutcome>;
  health(): readonly InstallationHealth[];
}

export interface AdapterLimits {
  /** Longest text of one message, in UTF-16 code units. */
  readonly maxTextChars: number;
  /** Least time between two edits of a live preview, in ms. */
  readonly minEditIntervalMs: number;
  readonly maxUploadBytes: number;
  /** Answers to a message outside a thread open one under it, unless the agent says otherwise. Default false. */
  readonly answersInThread?: boolean;
  /** A post can name the message that it answers, and is shown so. Default false. */
  readonly nativeReplies?: boolean;
  /** How long a turn may last before its text is shown live, in ms; quicker answers are posted whole. Default 700. */
  readonly previewAfterMs?: number;
  /** How long events are held so that ones the platform delivers late still come in order, in ms. Default 0. */
  readonly orderingHoldMs?: number;
}

/** Where a write goes; bound when the turn was admitted. */
export interface Target {
  readonly organizationId: string;
  readonly installationId: string;
  readonly conversation: ConversationPath;
  /** The person who asked; Slack streams need it. */
  readonly askerId?: string;
}

/** How an agent looks on the platform. */
export interface AgentIdentity {
  readonly agentId: string;
  readonly handle: string;
  readonly name: string;
  readonly avatarUrl?: string;
  /** `#rrggbb`, stable per agent. */
  readonly color: string;
}

export interface RenderContext {
  readonly identity: AgentIdentity;
  readonly conversation: ConversationPath;
  /** Platform ids of people whom this reply may mention (the asker); everybody else's mention is neutralised. */
  readonly mentionable: readonly string[];
  /** The message of this conversation that is answered; its first post says so where `limits.nativeReplies` does. */
  readonly replyTo?: string;
}

/** One platform write in the platform's own form; kept in the outbox as JSON. */
export interface RenderedPost {
  readonly body: JsonValue;
  readonly fallbackText: string;
}

/** Something of a reply that the platform cannot show as it is. */
export interface RenderLoss {
  /** Index of the part in the reply. */
  readonly part: number;
  /** What it is, in words: `table`, `heading of level 5`, `more than 5 buttons`. */
  readonly what: string;
  /** What stands there instead. */
  readonly shownAs: string;
}

export interface OutboundPost extends RenderedPost {
  readonly target: Target;
  readonly identity: AgentIdentity;
  /** Stored before the first attempt and equal for all attempts of this write. */
  readonly idempotencyKey: string;
  /** Replaces this message (an own live preview or an earlier post) instead of making a new one. Repeating an edit is harmless. */
  readonly edit?: { readonly messageId: string; readonly preview: boolean };
  /**
   * Decides, at this very moment, whether what this post says may notify everybody in the conversation. Asked only of a post that would; absent
   * or false leaves its mass mention the inert words that `render` made of it. Never rejects.
   */
  readonly mayMentionEveryone?: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** The platform's proof of a write. */
export interface Receipt {
  readonly messageId: string;
  /** ISO 8601, the platform's time where it gives one. */
  readonly occurredAt?: string;
  /** As in the envelope, in the same form: sorts the message among the conversation's events. Default: the messageId, for platforms whose ids sort so. */
  readonly platformOrder?: string;
}

export interface ReconcileQuery {
  readonly target: Target;
  readonly idempotencyKey: string;
  /** When the earliest attempt began, ISO 8601; the adapter allows for clock skew. */
  readonly attemptedSince: string;
  readonly identity: AgentIdentity;
  /** The write was the opening of a live preview, which may carry no key on the platform. */
  readonly preview: boolean;
  /** Message ids of own messages that are accounted for; an own message in this conversation that is not among them may be the one. */
  readonly knownMessageIds: readonly string[];
  readonly signal: AbortSignal;
}

export type ReconcileOutcome =
  | { readonly found: Receipt }
  | { readonly absent: true }
  | { readonly undetermined: string };

export interface InstallationHealth {
  readonly installationId: string;
  readonly name: string;
  readonly state: "connected" | "connecting" | "paused" | "failed";
  readonly detail?: string;
  /** ISO 8601; absent when none arrived since the start. */
  readonly lastEventAt?: string;
}
