import { randomUUID } from "node:crypto";
import type { AgentMention } from "../../src/contracts/adapter-sink.ts";
import type { ConversationPath } from "../../src/envelope/conversation.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";

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

/** Finds agents by what people write: handles, and names after the bot was mentioned. */
export interface AgentIndex {
  byHandle(word: string): string | undefined;
  /** The handle of the agent whose handle or name the text begins with, and how long that beginning is. */
  atStartOf(text: string): { readonly handle: string; readonly length: number } | undefined;
}

/** Agents that exist now; the index of equal lists is reused. */
export function agentIndex(agents: readonly AgentMention[]): AgentIndex {
  const known = indexes.get(agents);
  if (known !== undefined) return known;
  const handles = new Map(agents.map((agent) => [agent.handle.toLowerCase(), agent.handle]));
  const words = agents
    .flatMap((agent) => [
      { word: agent.handle.toLowerCase(), handle: agent.handle },
      { word: agent.name.toLowerCase(), handle: agent.handle },
    ])
    .toSorted((a, b) => b.word.length - a.word.length);
  const index: AgentIndex = {
    byHandle: (word) => handles.get(word.toLowerCase()),
    atStartOf: (text) => {
      const lower = text.slice(0, 100).toLowerCase();
      for (const { word, handle } of words) {
        if (lower.startsWith(word) && !/^[\p{L}\p{N}_-]/u.test(lower.slice(word.length)))
          return { handle, length: word.length };
      }
      return undefined;
    },
  };
  indexes.set(agents, index);
  return index;
}

const indexes = new WeakMap<readonly AgentMention[], AgentIndex>();

/** 32 hexadecimal digits, as W3C trace context wants them. */
export function newTraceId(): string {
  return randomUUID().replaceAll("-", "");
}
