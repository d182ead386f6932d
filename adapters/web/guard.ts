import type { FastifyRequest } from "fastify";
import type { WebRoomView, WebSessionRecord } from "../../src/contracts/web-room-records.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { WebContext } from "./context.ts";
import { hashSecret } from "./ids.ts";
import { isForeignRead, isOwnOrigin } from "./origin-policy.ts";
import type { WebServer } from "./server-plugins.ts";
import { readSessionCookie } from "./session-cookie.ts";

/** Failed sign-ins and requests without a valid session that one address may make per minute. */
export const FAILURES_PER_MINUTE = 60;

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the web room's guard; null on its only public route. */
    webSession: WebSessionRecord | null;
    /** As the server understands it: what a known person sends may take its time. */
    signedIn?: boolean;
  }
  interface FastifyContextConfig {
    /** The route takes requests without a session; every other route of the web room refuses them. */
    webPublic?: boolean;
    /** A read that another site may send the browser to; it is no answer that a page could read. */
    webNavigation?: boolean;
  }
}

/** Refuses, before any body is read, what has no session or comes from another site's page. */
export function addGuard(server: WebServer, context: WebContext): void {
  const { store } = context;
  const { publicUrl, organizationIds } = context.config;
  const failures = server.createRateLimit({
    max: FAILURES_PER_MINUTE,
    timeWindow: 60_000,
    keyGenerator: (request) => `failed:${request.ip}`,
  });
  server.decorateRequest("webSession", null);
  server.addHook("onRequest", async (request) => {
    const changes = (request.method !== "GET" && request.method !== "HEAD") || request.ws;
    const { webNavigation } = request.routeOptions.config;
    const foreign = changes ? !isOwnOrigin(request, publicUrl) : isForeignRead(request) && webNavigation !== true;
    if (foreign)
      throw new ParleyError("PERMISSION_DENIED", { detail: "The request does not come from Parley's own page." });
    if (request.routeOptions.config.webPublic === true) return;
    const token = readSessionCookie(request, publicUrl);
    if (token === undefined) throw new ParleyError("UNAUTHENTICATED");
    // Asked before the ledger is: guessing must not cost a query each.
    const before = await failures(request, { increment: false });
    if (!before.isAllowed && before.isExceeded) throw new ParleyError("RATE_EXCEEDED", { retryAfterMs: before.ttl });
    const session = await store.access.session(hashSecret(token));
    // An organization that was taken out of the configuration has no rooms any more.
    if (session === undefined || !organizationIds.includes(session.organizationId)) {
      await failures(request);
      throw new ParleyError("UNAUTHENTICATED");
    }
    request.webSession = session;
    request.signedIn = true;
  });
}

/** The session of a guarded route. */
export function sessionOf(request: FastifyRequest): WebSessionRecord {
  if (request.webSession === null) throw new ParleyError("UNAUTHENTICATED");
  return request.webSession;
}

/** Who acts, as far as rooms ask. */
export type RoomActor = Pick<WebSessionRecord, "organizationId" | "personId">;

/** The room as this person sees it; NOT_FOUND alike for rooms that are not there and rooms that they may not see. */
export async function visibleRoom(context: WebContext, session: RoomActor, roomId: string): Promise<WebRoomView> {
  const [room] = await context.store.rooms.viewsFor(session.organizationId, roomId, [session.personId]);
  if (room === undefined) throw new ParleyError("NOT_FOUND");
  return room;
}

/** As `visibleRoom`, for what only members may do. */
export async function joinedRoom(context: WebContext, session: RoomActor, roomId: string): Promise<WebRoomView> {
  const room = await visibleRoom(context, session, roomId);
  if (!room.joined) throw new ParleyError("PERMISSION_DENIED", { detail: "Join the room first." });
  return room;
}

/** As `joinedRoom`, for what only those who manage the room may do. */
export async function managedRoom(
  context: WebContext,
  session: WebSessionRecord,
  roomId: string,
): Promise<WebRoomView> {
  const room = await joinedRoom(context, session, roomId);
  const manages = room.kind !== "direct" && (session.role !== "member" || room.createdBy === session.personId);
  if (!manages)
    throw new ParleyError("PERMISSION_DENIED", { detail: "Only the room's maker, an admin or an owner may do that." });
  return room;
}
