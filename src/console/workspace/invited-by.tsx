import type { RoomInvitation } from "../api/protocol.ts";
import { useController } from "../state/context.tsx";

/** Whose invitation an agent is in the room by; those who may can take it over or end it. */
export function InvitedBy({
  roomId,
  agentName,
  invitation,
  mayInvite,
}: {
  roomId: string;
  agentName: string;
  invitation: RoomInvitation;
  mayInvite: boolean;
}) {
  const { rooms } = useController();
  const { agentHandle, own } = invitation;
  return (
    <span className="member-invitation">
      <span className="member-about">invited by {own ? "you" : invitation.inviterName}</span>
      {mayInvite && !own && invitation.inviterKind === "person" && (
        <button
          type="button"
          className="button button-small"
          aria-label={`Take over the invitation of ${agentName}`}
          onClick={() => void rooms.takeOverAgent(roomId, agentHandle)}
        >
          Take over
        </button>
      )}
      {(mayInvite || own) && (
        <button
          type="button"
          className="button button-small"
          aria-label={`End the invitation of ${agentName}`}
          onClick={() => void rooms.uninviteAgent(roomId, agentHandle)}
        >
          End
        </button>
      )}
    </span>
  );
}
