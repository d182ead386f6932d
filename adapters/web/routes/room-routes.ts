import { z } from "zod";
import type { WebSessionRecord } from "../../../src/contracts/web-room-records.ts";
import { wireKey } from "../../../src/envelope/ids.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { WebContext } from "../context.ts";
import { defined } from "../defined.ts";
import { joinedRoom, managedRoom, sessionOf, visibleRoom } from "../guard.ts";
import { newId } from "../ids.ts";
import { membersAnswer } from "../members-answer.ts";
import {
  AddMemberBody,
  CreateRoomBody,
  OpenDirectBody,
  ReadBody,
  StateQuery,
  StopBody,
  TypingBody,
  UpdateRoomBody,
} from "../protocol.ts";
import type { WebServer } from "../server-plugins.ts";
import { roomView } from "../views.ts";
import { workspaceState } from "../workspace-state.ts";
import { nothing } from "./access-routes.ts";

const RoomParams = z.object({ roomId: wireKey(128) });
const MemberParams = RoomParams.extend({ personId: wireKey(128) });

/** Rooms, their members, and what is said about a room rather than in it. */
export function addRoomRoutes(server: WebServer, context: WebContext): void {
  const { rooms, access, events, live } = context.store;
  const params = RoomParams;

  /** Entries of the log are handed on in the background here: what people did is done, whether or not agents hear of it now. */
  const handOn = (session: WebSessionRecord, roomId: string): void => {
    context.intake.drain(session.organizationId, roomId).catch(() => undefined);
  };
  const viewOf = async (session: WebSessionRecord, roomId: string) =>
    roomView(await visibleRoom(context, session, roomId), session.role);

  server.get("/rooms", async (request) => {
    const session = sessionOf(request);
    const views = await rooms.listFor(session.organizationId, session.personId);
    return { rooms: views.map((room) => roomView(room, session.role)) };
  });

  server.post("/rooms", { schema: { body: CreateRoomBody } }, async (request) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const roomId = newId("r");
    await rooms.create({ ...request.body, organizationId, roomId, personId });
    handOn(session, roomId);
    return await viewOf(session, roomId);
  });

  server.get("/rooms/:roomId", { schema: { params } }, async (request) =>
    viewOf(sessionOf(request), request.params.roomId),
  );

  server.patch("/rooms/:roomId", { schema: { params, body: UpdateRoomBody } }, async (request) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const { roomId } = await managedRoom(context, session, request.params.roomId);
    await rooms.update({ organizationId, personId, roomId, ...defined(request.body) });
    handOn(session, roomId);
    return await viewOf(session, roomId);
  });

  server.post("/rooms/:roomId/join", { schema: { params } }, async (request) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const room = await visibleRoom(context, session, request.params.roomId);
    if (!room.joined) {
      // Visible and not joined means public: the others are seen by their members alone.
      await rooms.addMember({ organizationId, roomId: room.roomId, personId, by: personId });
      handOn(session, room.roomId);
    }
    return await viewOf(session, room.roomId);
  });

  server.post("/rooms/:roomId/leave", { schema: { params } }, async (request, reply) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const { roomId } = await joinedRoom(context, session, request.params.roomId);
    await rooms.removeMember({ organizationId, roomId, personId, by: personId });
    handOn(session, roomId);
    return await nothing(reply);
  });

  server.get("/rooms/:roomId/members", { schema: { params } }, async (request) =>
    membersAnswer(context, sessionOf(request), request.params.roomId),
  );

  server.post("/rooms/:roomId/members", { schema: { params, body: AddMemberBody } }, async (request) => {
    const session = sessionOf(request);
    const { organizationId } = session;
    const room = await joinedRoom(context, session, request.params.roomId);
    if (room.kind === "direct")
      throw new ParleyError("CONFLICT", { detail: "A direct message stays between its two." });
    const person = await access.person(organizationId, request.body.personId);
    if (person === undefined || !person.active)
      throw new ParleyError("NOT_FOUND", { detail: "There is no such person." });
    await rooms.addMember({ organizationId, roomId: room.roomId, personId: person.personId, by: session.personId });
    handOn(session, room.roomId);
    return await membersAnswer(context, session, room.roomId);
  });

  server.delete("/rooms/:roomId/members/:personId", { schema: { params: MemberParams } }, async (request, reply) => {
    const session = sessionOf(request);
    const { organizationId } = session;
    const { roomId } = await managedRoom(context, session, request.params.roomId);
    const removed = await rooms.removeMember({
      organizationId,
      roomId,
      personId: request.params.personId,
      by: session.personId,
    });
    if (!removed) throw new ParleyError("NOT_FOUND");
    handOn(session, roomId);
    return await nothing(reply);
  });

  server.post("/direct", { schema: { body: OpenDirectBody } }, async (request) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const peer = await directPeer(context, session, request.body);
    const roomId = await rooms.openDirect({ organizationId, roomId: newId("r"), personId, peer });
    handOn(session, roomId);
    return await viewOf(session, roomId);
  });

  server.post("/rooms/:roomId/typing", { schema: { params, body: TypingBody } }, async (request, reply) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const { roomId } = await joinedRoom(context, session, request.params.roomId);
    await live.typing({ organizationId, roomId, personId, ...defined(request.body) });
    return await nothing(reply);
  });

  server.put("/rooms/:roomId/read", { schema: { params, body: ReadBody } }, async (request, reply) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const { roomId } = await visibleRoom(context, session, request.params.roomId);
    await rooms.markRead({ organizationId, personId, roomId, seq: request.body.seq });
    return await nothing(reply);
  });

  server.post("/rooms/:roomId/stop", { schema: { params, body: StopBody } }, async (request, reply) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const { roomId } = await joinedRoom(context, session, request.params.roomId);
    const { threadRootId, messageId } = request.body;
    await events.append({
      organizationId,
      roomId,
      personId,
      event: { kind: "session_stopped", body: messageId === undefined ? {} : { messageId } },
      ...defined({ threadRootId }),
    });
    await context.intake.drain(organizationId, roomId);
    return await reply.code(202).send({});
  });

  server.get("/rooms/:roomId/state", { schema: { params, querystring: StateQuery } }, async (request) => {
    const session = sessionOf(request);
    const room = await joinedRoom(context, session, request.params.roomId);
    return await workspaceState(context.store, room, request.query.thread);
  });
}

async function directPeer(context: WebContext, session: WebSessionRecord, body: z.infer<typeof OpenDirectBody>) {
  const { organizationId } = session;
  if ("agent" in body) {
    const agent = context.agents(organizationId).find(({ handle }) => handle === body.agent);
    if (agent === undefined) throw new ParleyError("NOT_FOUND", { detail: "There is no such agent." });
    return { agentId: agent.agentId, handle: agent.handle, name: agent.name };
  }
  const person = await context.store.access.person(organizationId, body.personId);
  if (person === undefined || !person.active)
    throw new ParleyError("NOT_FOUND", { detail: "There is no such person." });
  if (person.personId === session.personId) {
    throw new ParleyError("REQUEST_INVALID", { detail: "A direct message needs somebody else." });
  }
  return { personId: person.personId };
}
