import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { RawData, WebSocket } from "ws";
import type { DialInPort, DialInPrincipal, DialInSocket } from "../../contracts/dial-in.ts";
import { CLOSE_CODES } from "../../contracts/dial-in-protocol.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { createAttemptLimit } from "../attempt-limit.ts";
import { bearerToken } from "../auth-policy.ts";
import { ErrorSchema } from "../view-schemas.ts";

export interface ConnectRouteContext {
  /** Takes agents that dial in; undefined in a process without the worker role, which cannot run their turns. */
  readonly dialIn: DialInPort | undefined;
  readonly publicUrl: string | undefined;
  readonly isDraining: () => boolean;
}

/**
 * Tokens that were not good, from one address and within a minute, after which it may keep Parley less busy. Good ones pass all the same:
 * many agents share an address with strangers, who must not lock them out.
 */
const FAILURES_PER_MINUTE = 30;
/** Tokens from addresses over that limit that are looked up at once; a look-up is one hash and one row. */
const MAX_SUSPECT_LOOKUPS = 16;
/** Sockets that have not said who they are, from which on an address over that limit gets no more. */
const MAX_SUSPECT_STRANGERS = 32;
/** When whoever was refused because others are looked at may come again, in ms. */
const CROWDED_MS = 5_000;
/** Connections of one token within a minute: one that dials in again and again does nothing else. */
const CONNECTIONS_PER_MINUTE = 60;
/** Sockets that have not said who they are. */
const MAX_STRANGERS = 256;
/** The code with which a frame over the server's limit is closed by the standard. */
const MESSAGE_TOO_BIG = 1009;

declare module "fastify" {
  interface FastifyRequest {
    /** The agent whose token an upgrade to the dial-in socket carries. */
    dialInAgent?: DialInPrincipal | undefined;
  }
}

/** The WebSocket by which agents dial in: `GET /agents/connect`, with the agent's token in the header or in its hello. */
export async function connectRoute(server: FastifyInstance, context: ConnectRouteContext): Promise<void> {
  const failures = createAttemptLimit(FAILURES_PER_MINUTE);
  const connections = createAttemptLimit(CONNECTIONS_PER_MINUTE);

  let suspectLookups = 0;

  /** Whose token it is; of an address with too many bad ones only a few are looked up at once. */
  async function verify(dialIn: DialInPort, token: string, isSuspect: boolean): Promise<DialInPrincipal | undefined> {
    if (!isSuspect) return dialIn.verify(token);
    if (suspectLookups >= MAX_SUSPECT_LOOKUPS) throw new ParleyError("RATE_EXCEEDED", { retryAfterMs: CROWDED_MS });
    suspectLookups += 1;
    try {
      return await dialIn.verify(token);
    } finally {
      suspectLookups -= 1;
    }
  }

  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { dialIn } = context;
    if (request.headers.upgrade === undefined) {
      throw new ParleyError("REQUEST_INVALID", { detail: "open a WebSocket at this address" });
    }
    if (dialIn === undefined || context.isDraining()) return notHere(reply, dialIn !== undefined);
    refuseForeignPages(request, context.publicUrl);
    const waitMs = failures.waitMs(request.ip);
    const token = bearerToken(request);
    if (token === undefined) {
      const most = waitMs === undefined ? MAX_STRANGERS : MAX_SUSPECT_STRANGERS;
      if (dialIn.strangers() >= most) throw new ParleyError("RATE_EXCEEDED", { retryAfterMs: CROWDED_MS });
      return undefined;
    }
    const agent = await verify(dialIn, token, waitMs !== undefined);
    if (agent === undefined) {
      if (waitMs !== undefined) throw new ParleyError("RATE_EXCEEDED", { retryAfterMs: waitMs });
      failures.count(request.ip);
      throw new ParleyError("UNAUTHENTICATED", {
        detail: "the agent's token is not valid, or the agent was removed or stopped",
      });
    }
    const againMs = connections.waitMs(agent.tokenId);
    if (againMs !== undefined) throw new ParleyError("RATE_EXCEEDED", { retryAfterMs: againMs });
    connections.count(agent.tokenId);
    request.dialInAgent = agent;
    return undefined;
  }

  server.route({
    method: "GET",
    url: "/agents/connect",
    config: { auth: "agent" },
    preHandler: admit,
    schema: {
      tags: ["agents"],
      summary: "The WebSocket by which an agent dials in, with its token",
      security: [{ agent: [] }],
      response: { 400: ErrorSchema, 401: ErrorSchema, 403: ErrorSchema, 429: ErrorSchema, 503: ErrorSchema },
    },
    wsHandler: take,
    // Whoever asks for no upgrade was refused before.
    handler: () => {
      throw new ParleyError("REQUEST_INVALID");
    },
  });

  function take(webSocket: WebSocket, request: FastifyRequest): void {
    const { dialIn } = context;
    if (dialIn === undefined) return webSocket.close(1013);
    const receiver = dialIn.accept(
      toSocket(webSocket, () => receiver.tooLarge()),
      request.dialInAgent,
    );
    webSocket.on("message", (data, isBinary) => {
      if (isBinary) webSocket.close(CLOSE_CODES.protocolError, "frames are text");
      else receiver.message(bytesOf(data));
    });
    webSocket.once("close", (code) => {
      // Whoever says who they are in the hello is counted by how that ended.
      if (code === CLOSE_CODES.unauthenticated) failures.count(request.ip);
      receiver.closed();
    });
  }
}

function notHere(reply: FastifyReply, isDraining: boolean): FastifyReply {
  const detail = isDraining
    ? "this process is about to end; dial in again"
    : "this process does not run agents' turns; send agents to one with the worker role (PARLEY_ROLES)";
  return reply
    .code(503)
    .header("retry-after", isDraining ? 1 : 60)
    .send({ error: { code: "FEATURE_UNSUPPORTED", message: "Agents cannot dial in here.", detail } });
}

/** Pages send along what their browser has stored, so that only Parley's own may open a socket (security rule R33). */
function refuseForeignPages(request: FastifyRequest, publicUrl: string | undefined): void {
  const { origin, host } = request.headers;
  if (origin === undefined) return;
  const from = URL.canParse(origin) ? new URL(origin).host : undefined;
  const own = publicUrl === undefined ? host : new URL(publicUrl).host;
  if (from === undefined || from !== own)
    throw new ParleyError("PERMISSION_DENIED", { detail: "the request comes from another page" });
}

function toSocket(webSocket: WebSocket, onTooLarge: () => void): DialInSocket {
  const close = webSocket.close.bind(webSocket);
  // The protocol has a code of its own for a frame that is larger than the server reads.
  webSocket.close = (code, reason) => {
    if (code !== MESSAGE_TOO_BIG) return close(code, reason);
    onTooLarge();
    close(CLOSE_CODES.frameTooLarge, "the frame is too large");
  };
  return {
    get bufferedBytes() {
      return webSocket.bufferedAmount;
    },
    send(text) {
      if (webSocket.readyState === webSocket.OPEN) webSocket.send(text);
    },
    close: (code, reason) => webSocket.close(code, reason),
    terminate: () => webSocket.terminate(),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
  };
}

/** The bytes of a message, in whichever of its forms `ws` hands them over. */
function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
