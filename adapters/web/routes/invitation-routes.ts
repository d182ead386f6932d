import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { wireKey } from "../../../src/envelope/ids.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { RoomInvitations, WebContext } from "../context.ts";
import { joinedRoom, sessionOf } from "../guard.ts";
import { InviteAgentBody } from "../invitations-protocol.ts";
import { membersAnswer, placeOf } from "../members-answer.ts";
import type { WebServer } from "../server-plugins.ts";

const RoomParams = z.object({ roomId: wireKey(128) });
const AgentParams = RoomParams.extend({ handle: wireKey(64) });

/** Agents of a room: inviting one, ending that, and taking another member's invitation over. */
export function addInvitationRoutes(server: WebServer, context: WebContext): void {
  async function change(
    request: FastifyRequest,
    roomId: string,
    agentHandle: string,
    work: "invite" | "uninvite" | "takeOver",
  ) {
    const session = sessionOf(request);
    const room = await joinedRoom(context, session, roomId);
    const invitations = requireInvitations(context);
    const outcome = await invitations[work]({ ...(await placeOf(context, session, room)), agentHandle });
    if (!outcome.done)
      throw new ParleyError(outcome.denied ? "PERMISSION_DENIED" : "CONFLICT", { detail: outcome.text });
    return await membersAnswer(context, session, room.roomId);
  }

  server.post("/rooms/:roomId/agents", { schema: { params: RoomParams, body: InviteAgentBody } }, async (request) =>
    change(request, request.params.roomId, request.body.agent, "invite"),
  );
  server.delete("/rooms/:roomId/agents/:handle", { schema: { params: AgentParams } }, async (request) =>
    change(request, request.params.roomId, request.params.handle, "uninvite"),
  );
  server.post("/rooms/:roomId/agents/:handle/take-over", { schema: { params: AgentParams } }, async (request) =>
    change(request, request.params.roomId, request.params.handle, "takeOver"),
  );
}

function requireInvitations({ invitations }: WebContext): RoomInvitations {
  if (invitations === undefined) throw new ParleyError("NOT_FOUND", { detail: "Agents are not invited here." });
  return invitations;
}
