import { randomUUID } from "node:crypto";
import type { ConversationPath, Sender } from "../../src/envelope/conversation.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import type { AgentIndex } from "../shared/agent-index.ts";
import type { Raw } from "./raw.ts";

/** Where something was said, as far as it is known: the way from the guild to the channel or thread. */
export type Place = Pick<ConversationPath, "category" | "channel" | "thread">;

/** What is known of a person or bot apart from the event at hand. */
export interface PersonFacts {
  readonly name: string;
  readonly kind: "human" | "bot" | "external_guest";
  readonly avatarUrl?: string;
}

/** Everything a translation may look at besides the event; with equal contexts, equal events give equal envelopes. */
export interface InboundContext {
  readonly organizationId: string;
  readonly installationId: string;
  /** The guild; for direct messages, the application. */
  readonly space: { readonly id: string; readonly name?: string };
  readonly applicationId: string;
  readonly botUserId: string;
  readonly botName: string;
  /** The role that Discord made for the bot; people name it as easily as the bot itself. */
  readonly botRoleId: string | undefined;
  /** Without the MESSAGE_CONTENT intent: only what names the bot is heard. */
  readonly mentionsOnly: boolean;
  readonly agents: AgentIndex;
  /** Undefined for a channel that is not known; direct channels are known from the event. */
  readonly place: (channelId: string) => Place | undefined;
  readonly channelName: (channelId: string) => string | undefined;
  readonly roleName: (roleId: string) => string | undefined;
  /** What somebody is where the event happened, by what the event tells of the member or what is known; undefined where neither says. */
  readonly memberClass: (userId: string, user?: Raw, member?: Raw) => Sender["memberClass"];
  readonly person: (userId: string) => PersonFacts | undefined;
  /** Tells one delivery of the gateway from all others, and is equal when it is replayed; for events without an id of their own. */
  readonly deliveryKey: string;
  readonly newTraceId: () => string;
  readonly nowMs: () => number;
}

/** An event that is no envelope: of no interest, or not what Discord's documents say. */
export type NoEnvelope =
  | { readonly outcome: "ignored"; readonly reason: string }
  | { readonly outcome: "malformed"; readonly reason: string };

/** What became of one event. */
export type Translation = { readonly outcome: "envelope"; readonly envelope: EnvelopeInput } | NoEnvelope;

export const ignored = (reason: string): NoEnvelope => ({ outcome: "ignored", reason });
export const malformed = (reason: string): NoEnvelope => ({ outcome: "malformed", reason });
export const taken = (envelope: EnvelopeInput): Translation => ({ outcome: "envelope", envelope });

/** 32 hexadecimal digits, as W3C trace context wants them. */
export function newTraceId(): string {
  return randomUUID().replaceAll("-", "");
}
