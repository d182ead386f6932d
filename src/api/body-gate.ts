import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { AuthPolicy } from "./auth-policy.ts";
import { hasBody } from "./unread-bodies.ts";

/** Bodies of strangers that may be on their way at once (security rule R12). */
const MAX_OPEN_BODIES = 64;
/** Of them, those that are long or do not say how long they are: what platforms and agents send is mostly neither. */
const MAX_OPEN_LONG_BODIES = 16;
const LONG_BYTES = 131_072;
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
}

interface OpenBody {
  readonly raw: IncomingMessage;
  readonly route: string;
  readonly address: string;
  readonly isLong: boolean;
  readonly openedAtMs: number;
  /** What the connection had brought when the body began. */
  readonly bytesBefore: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * Guarantees that at most 64 bodies of strangers are on their way at once, 16 long ones among them, and none for longer than 5 s: for
 * one more the slowest of the address with the most of them has to go.
 *
 * An honest body is there a moment after its headers, so it is those who drip that go: not those who come, and not those who send
 * much. One that has arrived is never the one. Bodies that go where no route is count too.
 */
export function boundOpenBodies(server: FastifyInstance, { evicted }: BodyGateOptions): void {
  const open = new Map<IncomingMessage, OpenBody>();
  let willMakeRoom = false;
  server.addHook("preParsing", (request, _reply, payload, done) => {
    const { raw } = request;
    if (!KNOWN.has(request.routeOptions.config.auth) && request.signedIn !== true && hasBody(raw) && !raw.complete) {
      const body: OpenBody = {
        raw,
        route: request.routeOptions.url ?? "none",
        address: request.ip,
        isLong: isLong(raw),
        openedAtMs: performance.now(),
        bytesBefore: raw.socket.bytesRead,
        timer: setTimeout(() => evict(body), BODY_TIMEOUT_MS),
      };
      open.set(raw, body);
      const settle = (): void => {
        open.delete(raw);
        clearTimeout(body.timer);
      };
      raw.once("end", settle).once("close", settle);
      // Not at once: what came together with the headers is read after this.
      if (open.size > MAX_OPEN_LONG_BODIES && !willMakeRoom) {
        willMakeRoom = true;
        setImmediate(makeRoom);
      }
    }
    done(null, payload);
  });

  function makeRoom(): void {
    willMakeRoom = false;
    const arriving = [...open.values()].filter(({ raw }) => !raw.complete);
    const long = arriving.filter((body) => body.isLong);
    for (const body of takeSlowest(long, long.length - MAX_OPEN_LONG_BODIES)) {
      arriving.splice(arriving.indexOf(body), 1);
      evict(body);
    }
    for (const body of takeSlowest(arriving, arriving.length - MAX_OPEN_BODIES)) evict(body);
  }

  function evict({ raw, route, timer }: OpenBody): void {
    clearTimeout(timer);
    if (!open.delete(raw) || raw.complete) return;
    raw.destroy();
    evicted(route);
  }
}

function isLong(raw: IncomingMessage): boolean {
  return raw.headers["transfer-encoding"] !== undefined || Number(raw.headers["content-length"]) > LONG_BYTES;
}

/** Takes so many out, each the slowest of the address that has the most of them at that time. */
function takeSlowest(bodies: OpenBody[], count: number): OpenBody[] {
  const taken: OpenBody[] = [];
  while (taken.length < count) taken.push(...bodies.splice(indexOfSlowest(bodies), 1));
  return taken;
}

/** Asked for every request of a flood: it has to be cheap. */
function indexOfSlowest(bodies: readonly OpenBody[]): number {
  const nowMs = performance.now();
  const perAddress = new Map<string, number>();
  for (const { address } of bodies) perAddress.set(address, (perAddress.get(address) ?? 0) + 1);
  let index = 0;
  let mostOfAddress = 0;
  let slowestPace = Number.POSITIVE_INFINITY;
  for (const [at, { raw, address, openedAtMs, bytesBefore }] of bodies.entries()) {
    const ofAddress = perAddress.get(address) ?? 0;
    if (ofAddress < mostOfAddress) continue;
    const bytes = Math.min(raw.socket.bytesRead - bytesBefore, MAX_COUNTED_BYTES) + HEAD_START_BYTES;
    const pace = bytes / (nowMs - openedAtMs + 1);
    if (ofAddress === mostOfAddress && pace >= slowestPace) continue;
    [index, mostOfAddress, slowestPace] = [at, ofAddress, pace];
  }
  return index;
}
