import { asNumber, asRecord, asString, type Raw } from "./raw.ts";

/** Opcodes of the gateway. https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway */
const OP = { dispatch: 0, heartbeat: 1, reconnect: 7, invalidSession: 9, hello: 10, heartbeatAck: 11 } as const;
const MAX_HEARTBEAT_MS = 3_600_000;

/** One event of the gateway. */
export interface Dispatch {
  readonly type: string;
  readonly sequence: number;
  readonly data: Raw;
}

/** What one frame of the gateway is; what could make the connection stumble is told apart from what it can take. */
export type Frame =
  | { readonly kind: "dispatch"; readonly dispatch: Dispatch }
  /** Begins or goes on with a session: both an event and the connection's own business. */
  | { readonly kind: "session"; readonly dispatch: Dispatch; readonly payload: Raw }
  /** For the connection alone. */
  | { readonly kind: "control"; readonly payload: Raw; readonly heartbeatMs?: number }
  | { readonly kind: "unreadable"; readonly reason: string; readonly sequence?: number };

/** Reads one frame; never throws, whatever came. */
export function readFrame(data: unknown, isBinary: boolean): Frame {
  if (isBinary || typeof data !== "string") return unreadable("binary frame on a connection without compression");
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return unreadable("frame that is no JSON");
  }
  const payload = asRecord(parsed);
  if (payload === undefined) return unreadable("frame that is no object");
  switch (payload["op"]) {
    case OP.dispatch:
      return readDispatch(payload);
    case OP.hello: {
      const heartbeatMs = asNumber(asRecord(payload["d"])?.["heartbeat_interval"]);
      return heartbeatMs === undefined || heartbeatMs <= 0 || heartbeatMs > MAX_HEARTBEAT_MS
        ? unreadable("HELLO without a usable heartbeat")
        : { kind: "control", payload, heartbeatMs };
    }
    case OP.invalidSession:
      return { kind: "control", payload: { op: OP.invalidSession, d: payload["d"] === true } };
    case OP.heartbeat:
    case OP.reconnect:
    case OP.heartbeatAck:
      return { kind: "control", payload };
    default:
      return unreadable("unknown opcode");
  }
}

function readDispatch(payload: Raw): Frame {
  const type = asString(payload["t"]);
  const sequence = asNumber(payload["s"]);
  const counted = sequence !== undefined && Number.isSafeInteger(sequence) && sequence > 0 ? sequence : undefined;
  const data = asRecord(payload["d"]);
  if (counted === undefined) return unreadable("event without a sequence number");
  if (type === undefined || type.length > 100) return { ...unreadable("event without a type"), sequence: counted };
  // RESUMED carries nothing that is read.
  const dispatch: Dispatch = { type, sequence: counted, data: data ?? {} };
  if (type === "RESUMED") return { kind: "session", dispatch, payload: { ...payload, d: data ?? {} } };
  if (data === undefined) return { ...unreadable(`${type} without data`), sequence: counted };
  if (type !== "READY") return { kind: "dispatch", dispatch };
  const usable = asString(data["session_id"]) !== undefined && isGatewayUrl(data["resume_gateway_url"]);
  return usable ? { kind: "session", dispatch, payload } : unreadable("READY without a session");
}

/** An address that a gateway connection can be opened to. */
export function isGatewayUrl(value: unknown): value is string {
  return typeof value === "string" && URL.canParse(value) && /^wss?:$/u.test(new URL(value).protocol);
}

function unreadable(reason: string): Extract<Frame, { kind: "unreadable" }> {
  return { kind: "unreadable", reason };
}
