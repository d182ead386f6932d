import type { ConversationPath } from "../envelope/conversation.ts";
import type { EnvelopeInput } from "../envelope/envelope.ts";
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
  /** Reads the people who are in a channel now. */
  readonly members?: { list(target: Target, signal: AbortSignal): Promise<readonly MemberProfile[]> };
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
  readonly access?: {
    check(query: { target: Target; memberId: string; signal: AbortSignal }): Promise<MemberAccess>;
  };
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

export interface MemberProfile {
  readonly id: string;
  readonly name: string;
  readonly kind: "human" | "bot" | "external_guest";
  readonly self: boolean;
  readonly avatarUrl?: string;
}

export interface MemberAccess {
  readonly read: boolean;
  readonly post: boolean;
  /** May end, remove or silence others here. */
  readonly moderate: boolean;
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
}
