import { randomUUID } from "node:crypto";
import type { MemberClass } from "../../src/contracts/access.ts";
import type { ConversationPath } from "../../src/envelope/conversation.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import type { AgentIndex } from "../shared/agent-index.ts";

export { type AgentIndex, agentIndex } from "../shared/agent-index.ts";

/** What is known of a channel apart from the event at hand. */
export interface ChannelFacts {
  readonly kind: ConversationPath["channel"]["kind"];
  readonly name?: string;
  readonly external: boolean;
}

/** What is known of a person or bot user apart from the event at hand. */
export interface PersonFacts {
  readonly name: string;
  readonly kind: "human" | "bot" | "external_guest";
  /** What they are in the workspace. */
  readonly memberClass: MemberClass;
  readonly avatarUrl?: string;
}

/** Everything a translation may look at besides the event; with equal contexts, equal events give equal envelopes. */
export interface InboundContext {
  readonly organizationId: string;
  readonly installationId: string;
  readonly teamId: string;
  readonly teamName: string;
  readonly botUserId: string;
  readonly botId: string | undefined;
  readonly appId: string | undefined;
  readonly botName: string;
  readonly agents: AgentIndex;
  channel(channelId: string): ChannelFacts | undefined;
  person(userId: string): PersonFacts | undefined;
  newTraceId(): string;
  nowMs(): number;
}

/** What became of one event. */
export type Translation =
  | { readonly outcome: "envelope"; readonly envelope: EnvelopeInput }
  | { readonly outcome: "ignored"; readonly reason: string }
  | { readonly outcome: "malformed"; readonly reason: string }
  /** The installation itself changed; not an event of any conversation. */
  | { readonly outcome: "installation"; readonly status: "paused" | "removed"; readonly reason: string };

export const ignored = (reason: string): Translation => ({ outcome: "ignored", reason });
export const malformed = (reason: string): Translation => ({ outcome: "malformed", reason });

/** 32 hexadecimal digits, as W3C trace context wants them. */
export function newTraceId(): string {
  return randomUUID().replaceAll("-", "");
}
