import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { AuthPolicy } from "./auth-policy.ts";
import { hasBody } from "./unread-bodies.ts";

/** Bodies of strangers that may be on their way at once (security rule R12). */
const MAX_OPEN_BODIES = 64;
/** Longest time that a body of a stranger may take to arrive (security rule R12). */
const BODY_TIMEOUT_MS = 5_000;
/** What a body is taken to have sent when it begins: one that has just come is not slow yet. */
const HEAD_START_BYTES = 65_536;
/** What comes beyond this makes a body no better: who sends without end is no honest sender. */
const MAX_COUNTED_BYTES = 65_536;

/** Policies under which it is known who sends a body before it is read. */
const KNOWN: ReadonlySet<AuthPolicy | undefined> = new Set(["operator", "local_or_operator", "agent"]);

declare module "fastify" {
  interface FastifyRequest {
    /** Set, before the body is read, for a request whose sender has shown who they are. */
    signedIn?: boolean;
  }
}

export interface BodyGateOptions {
  /** Told of each request that had to go. */
  readonly evicted: (route: string) => void;
  /** Default 64. */
  readonly maxOpen?: number;
  /** Default 5 000. */
  readonly timeoutMs?: number;
}

interface OpenBody {
  readonly route: string;
  readonly address: string;
  readonly openedAtMs: number;
  /** What the connection had brought when the body began. */
  readonly bytesBefore: number;
}

/**
 * Guarantees that at most 64 bodies of strangers are on their way at once, and none for longer than 5 s: for one more the slowest of
 * the address with the most of them has to go.
 *
 * An honest body is there a moment after its headers, so it is those who drip that go: not those who come, and not those who send
 * much. One that has arrived is never the one. Addresses that nothing listens on count too.
 */
export function boundOpenBodies(
  server: FastifyInstance,
  { evicted, maxOpen = MAX_OPEN_BODIES, timeoutMs = BODY_TIMEOUT_MS }: BodyGateOptions,
): void {
  const open = new Map<IncomingMessage, OpenBody>();
  let willMakeRoom = false;
  server.addHook("preParsing", (request, _reply, payload, done) => {
    const { raw } = request;
    if (!KNOWN.has(request.routeOptions.config.auth) && request.signedIn !== true && hasBody(raw) && !raw.complete) {
      open.set(raw, {
        route: request.routeOptions.url ?? "none",
        address: request.ip,
        openedAtMs: performance.now(),
        bytesBefore: raw.socket.bytesRead,
      });
      const timer = setTimeout(() => evict(raw), timeoutMs);
      const settle = (): void => {
        open.delete(raw);
        clearTimeout(timer);
      };
      raw.once("end", settle).once("close", settle);
      // Not at once: what came together with the headers is read after this.
      if (open.size > maxOpen && !willMakeRoom) {
        willMakeRoom = true;
        setImmediate(makeRoom);
      }
    }
    done(null, payload);
  });

  function makeRoom(): void {
    willMakeRoom = false;
    const arriving = [...open.keys()].filter((raw) => !raw.complete).length;
    for (let over = arriving - maxOpen; over > 0; over -= 1) evict(slowest(open));
  }

  function evict(raw: IncomingMessage | undefined): void {
    const body = raw && open.get(raw);
    if (raw === undefined || body === undefined || raw.complete) return;
    open.delete(raw);
    raw.destroy();
    evicted(body.route);
  }
}

/** Of those that have not arrived and whose address has the most of them, the one that comes slowest; undefined when all have arrived. */
function slowest(open: ReadonlyMap<IncomingMessage, OpenBody>): IncomingMessage | undefined {
  const nowMs = performance.now();
  const perAddress = new Map<string, number>();
  for (const { address } of open.values()) perAddress.set(address, (perAddress.get(address) ?? 0) + 1);
  let found: { raw: IncomingMessage; ofAddress: number; pace: number } | undefined;
  for (const [raw, body] of open) {
    if (raw.complete) continue;
    const ofAddress = perAddress.get(body.address) ?? 0;
    const bytes = Math.min(raw.socket.bytesRead - body.bytesBefore, MAX_COUNTED_BYTES) + HEAD_START_BYTES;
    const pace = bytes / (nowMs - body.openedAtMs + 1);
    if (found === undefined || ofAddress > found.ofAddress || (ofAddress === found.ofAddress && pace < found.pace))
      found = { raw, ofAddress, pace };
  }
  return found?.raw;
}
