import { randomUUID } from "node:crypto";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import type { AgentIndex } from "../shared/agent-index.ts";
import type { KnownEvent } from "./event-index.ts";
import type { Raw } from "./raw.ts";
import type { RoomState } from "./room-state.ts";

/** A room as translations need it. */
export interface RoomFacts {
  readonly state: RoomState;
  /** An account of this installation was invited to it as a direct message. */
  readonly direct: boolean;
  /** The spaces above it, outermost first, as far as they are known and agree. */
  readonly spaces: readonly { readonly id: string; readonly name: string | undefined }[];
}

/** An event that another one names; for the redaction of an edit, with the message as it is without that edit. */
export type RelatedEvent = KnownEvent & { readonly restored?: Raw | undefined };

/** Everything a translation may look at besides the event; with equal contexts, equal events give equal envelopes. */
export interface InboundContext {
  readonly organizationId: string;
  readonly installationId: string;
  /** The account of a bot, or the sender of an application service. */
  readonly userId: string;
  readonly botName: string;
  /** What commands begin with: `!parley`. */
  readonly command: string;
  /** Servers whose people are of this organization, besides the account's own. */
  readonly trustedServers: ReadonlySet<string>;
  readonly agents: AgentIndex;
  readonly room: RoomFacts;
  /** The handle of the agent whose puppet this is; undefined for everybody else. */
  agentOf(userId: string): string | undefined;
  /** The event that this one changes, answers or reacts to, as far as it is known. */
  readonly related: RelatedEvent | undefined;
  /** What the room's member was before this event, for events that change it. */
  readonly before: { readonly membership: string | undefined; readonly roomName: string | undefined };
  /** Sorts the event; to be asked once per event that becomes an envelope. */
  order(originMs: number): string;
  newTraceId(): string;
  nowMs(): number;
}

/** What became of one event. */
export type Translation =
  | { readonly outcome: "envelope"; readonly envelope: EnvelopeInput }
  | { readonly outcome: "ignored"; readonly reason: string }
  | { readonly outcome: "malformed"; readonly reason: string };

export const ignored = (reason: string): Translation => ({ outcome: "ignored", reason });
export const malformed = (reason: string): Translation => ({ outcome: "malformed", reason });

/** Whether an account is one of this installation's own. */
export function isOwn(context: Pick<InboundContext, "userId" | "agentOf">, userId: string): boolean {
  return userId === context.userId || context.agentOf(userId) !== undefined;
}

/** 32 hexadecimal digits, as W3C trace context wants them. */
export function newTraceId(): string {
  return randomUUID().replaceAll("-", "");
}
