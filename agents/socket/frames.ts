import { z } from "zod";
import { AgentFrame, type AgentFrame as Frame } from "../../src/contracts/dial-in-protocol.ts";
import { wireKey } from "../../src/envelope/ids.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeIssues } from "../shared/describe-fault.ts";
import { JsonGuard, parseJson } from "../shared/json-guard.ts";

/** An event whose frame is sound; the event itself is judged where replies are, and only its own turn suffers for it. */
const EventFrame = z.strictObject({
  type: z.literal("event"),
  turnId: wireKey(128),
  attempt: z.number().int().min(1),
  n: z.number().int().min(1),
  event: z.unknown(),
});

export type EventFrame = z.infer<typeof EventFrame>;
export type HelloFrame = Extract<Frame, { type: "hello" }>;
export type TurnFrame = Exclude<Frame, { type: "hello" | "pong" | "event" }> | EventFrame;
export type IncomingFrame = HelloFrame | Extract<Frame, { type: "pong" }> | TurnFrame;

/** A frame, or what is wrong with it and, where that can be told, whose it was. */
export type ReadFrame =
  | { readonly frame: IncomingFrame }
  | { readonly problem: string; readonly turnId?: string; readonly callId?: string };

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Guarantees a valid frame, or why it is none without a word of what it said; cheap for whatever the bytes are. */
export function readFrame(bytes: Uint8Array): ReadFrame {
  let value: unknown;
  try {
    const guard = new JsonGuard("frame");
    guard.push(bytes);
    value = parseJson(decoder.decode(bytes), "frame");
  } catch (thrown) {
    return {
      problem: thrown instanceof ParleyError ? (thrown.detail ?? "the frame is not JSON") : "the frame is not UTF-8",
    };
  }
  const isEvent = typeof value === "object" && value !== null && "type" in value && value.type === "event";
  const parsed = isEvent ? EventFrame.safeParse(value) : AgentFrame.safeParse(value);
  if (parsed.success) return { frame: parsed.data as IncomingFrame }; // an event frame is always parsed by the schema of events
  return { problem: describeIssues(parsed.error), ...idsOf(value) };
}

function idsOf(value: unknown): { turnId?: string; callId?: string } {
  if (typeof value !== "object" || value === null) return {};
  const turnId = "turnId" in value ? wireKey(128).safeParse(value.turnId).data : undefined;
  const callId = "callId" in value ? wireKey(128).safeParse(value.callId).data : undefined;
  return { ...(turnId !== undefined && { turnId }), ...(callId !== undefined && { callId }) };
}
