import type { z } from "zod";
import type { WebRoomView, WebSessionRecord } from "../../src/contracts/web-room-records.ts";
import { agentsIn, type RoomPlace, type WebContext } from "./context.ts";
import { visibleRoom } from "./guard.ts";
import type { MembersAnswer } from "./protocol.ts";
import { agentView, personView } from "./views.ts";

/** Who is in a room as one person sees it, with whose invitations its agents are here by and whether that person may invite some. */
export async function membersAnswer(
  context: WebContext,
  session: WebSessionRecord,
  roomId: string,
): Promise<z.infer<typeof MembersAnswer>> {
  const room = await visibleRoom(context, session, roomId);
  const people = await context.store.rooms.members(session.organizationId, roomId);
  const { invitations } = context;
  const answer = { people: people.map(personView), agents: agentsIn(context.agents, room).map(agentView) };
  if (invitations === undefined || room.kind === "direct") return { ...answer, invitations: [], mayInvite: false };
  const [standing, mayInvite] = await Promise.all([
    invitations.list(session.organizationId, roomId),
    room.joined ? invitations.mayInvite(await placeOf(context, session, room)) : false,
  ]);
  const names = new Map(people.map((person) => [person.personId, person.name]));
  return {
    ...answer,
    invitations: standing.map(({ agentHandle, inviterKind, inviterId }) => ({
      agentHandle,
      inviterKind,
      inviterName: inviterKind === "operator" ? "an operator" : (names.get(inviterId) ?? "a former member"),
      own: inviterKind === "person" && inviterId === session.personId,
    })),
    mayInvite,
  };
}

/** The room and who acts in it, as the pipeline knows them. */
export async function placeOf(context: WebContext, session: WebSessionRecord, room: WebRoomView): Promise<RoomPlace> {
  const { organizationId, personId } = session;
  return { organizationId, personId, room, installationId: await context.installationOf(organizationId) };
}
