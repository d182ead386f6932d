import type { ConversationPath } from "../envelope/conversation.ts";
import type { EnvelopeInput } from "../envelope/envelope.ts";
import type { ReplyPart } from "../envelope/reply.ts";
import type { ParleyError } from "../errors/parley-error.ts";
import type { MemberClass } from "./access.ts";
import type { AgentIdentity, Receipt, Target } from "./adapter.ts";

/** What a platform can do beyond taking messages; an absent member means that it cannot, and the type checker makes callers decide. */
export interface AdapterFeatures {
  /** Shows a growing message while the agent works. */
  readonly preview?: PreviewFeature;
  /** Adds and removes a reaction of the installation's identity. Repeating either is harmless. */
  readonly react?: {
    add(target: Target, messageId: string, reaction: string, signal: AbortSignal): Promise<void>;
    remove(target: Target, messageId: string, reaction: string, signal: AbortSignal): Promise<void>;
  };
  readonly delete?: { delete(target: Target, messageId: string, signal: AbortSignal): Promise<void> };
  /** Shows that the agent is at work, with a short line where the platform has room for it; an empty line clears it. Never throws. */
  readonly status?: { show(target: Target, identity: AgentIdentity, line: string): Promise<void> };
  /** Answers the person who gave a command, visible to that person alone. */
  readonly respond?: {
    respond(target: Target, responseToken: string, text: string, signal: AbortSignal): Promise<void>;
  };
  /**
   * Shows a reply in a conversation to one person alone; it becomes part of nothing that others read. Rejects for somebody who is not there,
   * and an error's `delivery` says whether it may have been shown.
   */
  readonly privately?: { show(query: PrivateReply): Promise<void> };
  /**
   * Opens the direct message with one person, or gives the one that there is: the agent's own where agents have accounts, else the installation's. What
   * is written there goes the way of any post. Rejects while the person cannot be spoken to, and then nothing was written.
   */
  readonly direct?: { open(query: DirectQuery): Promise<ConversationPath> };
  readonly members?: MembersFeature;
  /** Reads past messages, oldest first, as the envelopes they would have been. */
  readonly history?: {
    read(query: {
      target: Target;
      since: string;
      maxMessages: number;
      signal: AbortSignal;
    }): Promise<readonly EnvelopeInput[]>;
  };
  /**
   * Says what a person may do in a conversation now, as the platform itself would judge: roles, overwrites, timeouts, private threads, power levels.
   * What cannot be found out is not allowed, with the rule `unknown`.
   */
  readonly access?: AccessFeature;
  /** Fetches the bytes of a media block with the installation's own credentials, from the platform's own hosts alone. */
  readonly media?: {
    fetch(query: {
      installationId: string;
      mediaId: string;
      maxBytes: number;
      signal: AbortSignal;
    }): Promise<{ bytes: Uint8Array; mediaType: string }>;
  };
}

export interface PrivateReply {
  readonly target: Target;
  readonly personId: string;
  readonly identity: AgentIdentity;
  readonly parts: readonly ReplyPart[];
  /** Equal for all attempts, for platforms that can tell a repeat. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

export interface DirectQuery {
  /** Where the agent was asked; the person need not be there. */
  readonly target: Target;
  readonly personId: string;
  readonly identity: AgentIdentity;
  /** Equal for all attempts, for platforms where the person is invited: nobody is invited twice for one. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

export interface MemberProfile {
  readonly id: string;
  readonly name: string;
  readonly kind: "human" | "bot" | "external_guest";
  readonly self: boolean;
  /** Judged now and not from memory; what is not known is `external`. */
  readonly memberClass: MemberClass;
  readonly avatarUrl?: string;
}

/** Reads who is in a conversation now. */
export interface MembersFeature {
  /** Everybody who can read the conversation as its member. Rejects rather than give a part of the list. */
  list(target: Target, signal: AbortSignal): Promise<readonly MemberProfile[]>;
  /** Whether the installation's own identity (any of them) can read the conversation's channel, asked of the platform and not of memory. */
  present(target: Target, signal: AbortSignal): Promise<boolean>;
  /** Who can read it beside those. Default: a public channel is open to all full members, and if it is external nobody knows to whom else. */
  reach?(target: Target, signal: AbortSignal): Promise<ConversationReach>;
  /** A thread can have fewer readers than its channel, so that it is asked about by itself. Default false. */
  readonly threadsApart?: boolean;
}

export interface ConversationReach {
  /** Every full member of the installation can read it without being listed. */
  readonly openToMembers: boolean;
  /** Nobody else can. */
  readonly complete: boolean;
}

export interface AccessFeature {
  check(query: { target: Target; memberId: string; signal: AbortSignal }): Promise<MemberAccess>;
  /**
   * Which of these members, all of them in the conversation now, can read each of these messages; what is not known they cannot.
   * Absent where whoever is in a conversation can read all of it.
   */
  couldRead?(query: {
    target: Target;
    memberIds: readonly string[];
    messageIds: readonly string[];
    signal: AbortSignal;
  }): Promise<ReadonlyMap<string, ReadonlySet<string>>>;
}

export interface MemberAccess {
  readonly read: boolean;
  readonly post: boolean;
  /** May end, remove or silence others here. */
  readonly moderate: boolean;
  /** `external` where nothing is known. */
  readonly memberClass: MemberClass;
  /** Name of the platform's rule that decided `read`: `member`, `owner`, `overwrite`, `timeout`, `not_in_thread`, `unknown` … */
  readonly rule: string;
}

export interface PreviewFeature {
  /**
   * Posts the first text of a live message and resolves with its receipt.
   *
   * Called after the opening was committed as sending; an error's `delivery` says whether the message may exist.
   */
  open(options: PreviewOptions): Promise<LivePreview>;
}

export interface PreviewOptions {
  readonly target: Target;
  readonly identity: AgentIdentity;
  readonly idempotencyKey: string;
  readonly markdown: string;
  readonly conversation: ConversationPath;
  readonly signal: AbortSignal;
}

export interface LivePreview {
  readonly receipt: Receipt;
  /** Offers the whole text so far; the adapter coalesces within its edit budget, drops what it cannot show and never throws. */
  offer(markdown: string): void;
  /** Stops offering; resolves when no edit is under way, so that the durable final text cannot be overtaken. The message itself stays. */
  settle(): Promise<void>;
  /** With what the platform refused an edit for good, which ended the preview. Default: nothing of it was refused. */
  readonly refusedWith?: ParleyError | undefined;
}
