import { z } from "zod";
import { wireKey } from "../envelope/ids.ts";
import { ApprovalRequestPart, InputRequestPart } from "../envelope/reply.ts";
import { ReplyEvent } from "../envelope/reply-event.ts";
import type { ToolAccess, TranscriptMessage, TurnRequest } from "./connector.ts";
import type { JsonValue } from "./json.ts";
import type { RequestOutcome } from "./turn-requests.ts";

/**
 * The protocol by which an agent dials in: JSON frames over one WebSocket, one JSON object per message.
 *
 * The agent opens the socket with its token (`Authorization: Bearer …`, or `token` in `hello` where headers cannot be set), says `hello`,
 * and is given turns. A turn is the agent's once it says `turn_accept`; what it yields is numbered from 1 per turn and acknowledged, so that
 * after a drop both sides know what is missing: the agent names in `hello` the turns it still has, and is told in `welcome` what of them
 * arrived. A turn that it does not name is given again.
 */
export const DIAL_IN_PROTOCOL = 1;
/** Where the WebSocket is opened, below Parley's address. Only processes with the worker role take agents; others answer 503. */
export const DIAL_IN_PATH = "/api/agents/connect";
/** Largest frame in either direction, in bytes of UTF-8; larger artifacts come in chunks. */
export const MAX_FRAME_BYTES = 1_048_576;
/** Events of one turn that may be under way without an acknowledgement. */
export const MAX_UNACKNOWLEDGED_EVENTS = 256;

/** What a frame was refused for: `code` of an `error` frame. Nothing else of the connection is touched unless it is closed as well. */
export const REFUSALS = {
  /** It is no frame of this protocol, or not one that is due now. */
  frameInvalid: "frame_invalid",
  /** The turn is not one that this agent has. */
  turnUnknown: "turn_unknown",
  /** The turn is over; said once per turn. */
  turnEnded: "turn_ended",
  /** It belongs to an attempt at the turn that is over. */
  attemptStale: "attempt_stale",
  /** An event between the last one and this one is missing; go on after the newest `event_ack`. */
  eventGap: "event_gap",
  /** The reply itself was refused and the turn with it; a `turn_cancel` follows. */
  replyRefused: "reply_refused",
  /** Too many calls at once, or what was asked cannot be done here. */
  callRefused: "call_refused",
  /** The reason of the close that follows. */
  replaced: "replaced",
  revoked: "revoked",
  unauthenticated: "unauthenticated",
  tooManyRefusals: "too_many_refusals",
} as const;

/** Why a socket was closed by Parley. 1012 says that the process is about to end: dial in again at once. */
export const CLOSE_CODES = {
  protocolError: 4000,
  /** Another connection with the same token has come; this one must not dial in again by itself. */
  replaced: 4001,
  unauthenticated: 4002,
  /** The agent was removed or stopped, or its token revoked. */
  revoked: 4003,
  /** It read too slowly. */
  tooSlow: 4008,
  frameTooLarge: 4009,
  draining: 1012,
} as const;

const TurnId = wireKey(128);
const CallId = wireKey(128);

/** What the agent says. */
export const AgentFrame = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("hello"),
    protocol: z.literal(DIAL_IN_PROTOCOL),
    token: z.string().max(256).optional(),
    client: z.strictObject({ name: z.string().max(64), version: z.string().max(32) }),
    capabilities: z
      .strictObject({
        /** Takes `turn_message` during a turn. */
        steer: z.boolean().default(false),
        /** Calls tools by `tool_call`. */
        tools: z.boolean().default(false),
        /** Turns it works on at once. */
        maxTurns: z.number().int().min(1).max(1_000).default(32),
      })
      .prefault({}),
    /** Turns it still has from before, with the number of its last event of each. */
    turns: z
      .array(z.strictObject({ turnId: TurnId, attempt: z.number().int().min(1), sent: z.number().int().min(0) }))
      .max(1_000)
      .default([]),
  }),
  z.strictObject({ type: z.literal("turn_accept"), turnId: TurnId, attempt: z.number().int().min(1) }),
  z.strictObject({
    type: z.literal("event"),
    turnId: TurnId,
    attempt: z.number().int().min(1),
    /** Counts from 1 without gaps. */
    n: z.number().int().min(1),
    event: ReplyEvent,
  }),
  /**
   * A piece of a file that is too large for one frame: a slice of one base64 text. The last one makes it a part of the reply and takes
   * the next `n`; after a drop a file whose last piece had not arrived is sent again from its first.
   */
  z.strictObject({
    type: z.literal("artifact_chunk"),
    turnId: TurnId,
    attempt: z.number().int().min(1),
    artifactId: wireKey(128),
    base64: z.string().max(900_000),
    last: z
      .strictObject({ n: z.number().int().min(1), name: z.string().min(1).max(256), mediaType: wireKey(255) })
      .optional(),
  }),
  z.strictObject({
    type: z.literal("tool_call"),
    turnId: TurnId,
    callId: CallId,
    name: z.string().min(1).max(64),
    input: z.unknown(),
  }),
  /** Asks people and waits; answered by `request_result`, also over a drop when it is sent again. */
  z.strictObject({
    type: z.literal("request"),
    turnId: TurnId,
    callId: CallId,
    part: z.discriminatedUnion("type", [ApprovalRequestPart, InputRequestPart]),
    binding: z.unknown().optional(),
  }),
  z.strictObject({ type: z.literal("pong"), at: z.number() }),
]);
export type AgentFrame = z.infer<typeof AgentFrame>;
export type AgentFrameInput = z.input<typeof AgentFrame>;

/** A tool as the agent is told of it. */
export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of `input`. */
  readonly input: JsonValue;
  readonly effect: "read" | "write";
}

/** What Parley says. */
export type ParleyFrame =
  | {
      readonly type: "welcome";
      readonly protocol: typeof DIAL_IN_PROTOCOL;
      readonly connectionId: string;
      readonly agent: { readonly agentId: string; readonly handle: string; readonly name: string };
      readonly heartbeatMs: number;
      readonly maxFrameBytes: number;
      /** Of the turns that the agent named: what arrived of those that go on; `ended` ones are to be forgotten. */
      readonly turns: readonly {
        readonly turnId: string;
        readonly state: "continue" | "ended";
        readonly received: number;
      }[];
    }
  | {
      readonly type: "turn_start";
      readonly turn: TurnRequest;
      /** What `tool_call` can name during this turn. Default: nothing. */
      readonly tools?: readonly OfferedTool[];
      /** Where files of its messages can be fetched, each once. Default: nowhere. */
      readonly files?: readonly { readonly mediaId: string; readonly url: string }[];
      /** Where the same tools answer by MCP. */
      readonly toolAccess?: ToolAccess;
    }
  /** After a drop those of the turn are sent again; one that came before is known by its `messageId`. */
  | { readonly type: "turn_message"; readonly turnId: string; readonly message: TranscriptMessage }
  /** The turn is over for the agent, whatever it still says: `stopped` by people, out of time, or taken over. */
  | { readonly type: "turn_cancel"; readonly turnId: string; readonly reason: string }
  /** Everything up to this event is kept by Parley. */
  | { readonly type: "event_ack"; readonly turnId: string; readonly n: number }
  /** The turn has its `done`; nothing more of it is taken. */
  | { readonly type: "turn_end"; readonly turnId: string }
  | {
      readonly type: "tool_result";
      readonly turnId: string;
      readonly callId: string;
      readonly ok: boolean;
      readonly result: JsonValue;
    }
  | {
      readonly type: "request_result";
      readonly turnId: string;
      readonly callId: string;
      readonly outcome: RequestOutcome;
    }
  | { readonly type: "ping"; readonly at: number }
  /** One thing that was refused, with what to do; the connection goes on unless it is closed with a code of CLOSE_CODES. */
  | {
      readonly type: "error";
      readonly code: string;
      readonly message: string;
      readonly turnId?: string;
      readonly callId?: string;
    };
