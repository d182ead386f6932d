import { useState } from "react";
import { useConsole, useController, useMe } from "../state/context.tsx";
import { useRoomMembers } from "../state/use-room-members.ts";
import { Avatar, agentFace, agentStateNote } from "../ui/avatar.tsx";
import { Icon } from "../ui/icon.tsx";
import { AddMemberDialog } from "./add-member-dialog.tsx";
import { InviteAgentDialog } from "./invite-agent-dialog.tsx";
import { InvitedBy } from "./invited-by.tsx";

/** Everyone who can read the room now, with what each agent is for; people can be added and, by those who may, removed. */
export function MembersTab({ roomId }: { roomId: string }) {
  const { rooms } = useController();
  const me = useMe();
  const room = useConsole((state) => state.rooms[roomId]);
  const { people, agents } = useRoomMembers(roomId);
  const members = useConsole((state) => state.members[roomId]);
  const [adding, setAdding] = useState(false);
  const [inviting, setInviting] = useState(false);
  const changeable = room !== undefined && room.kind !== "direct" && room.joined;
  return (
    <div className="workspace-scroll">
      <h2 className="visually-hidden">Members</h2>
      <section>
        <h3>Agents</h3>
        <ul className="stack roster-list">
          {agents.map((agent) => (
            <li key={agent.agentId} className="member-row">
              <Avatar
                of={agentFace(agent)}
                presence={agent.status === "active" && agent.connection !== "away" ? "online" : "away"}
              />
              <span className="member-names">
                <span>
                  {agent.name} <span className="badge">agent</span>
                </span>
                <span className="member-handle">
                  @{agent.handle}
                  {agentStateNote(agent)}
                </span>
                {agent.description && <span className="member-about">{agent.description}</span>}
                {members?.invitations
                  .filter((invitation) => invitation.agentHandle === agent.handle)
                  .map((invitation) => (
                    <InvitedBy
                      key={invitation.agentHandle}
                      roomId={roomId}
                      agentName={agent.name}
                      invitation={invitation}
                      mayInvite={members.mayInvite}
                    />
                  ))}
              </span>
            </li>
          ))}
        </ul>
        {agents.length === 0 && <p className="roster-empty">No agent is a member of this room.</p>}
        {changeable && members?.mayInvite === true && (
          <button type="button" className="button" onClick={() => setInviting(true)}>
            <Icon name="plus" />
            Invite an agent
          </button>
        )}
      </section>
      <section>
        <h3>People</h3>
        <ul className="stack roster-list">
          {people.map((person) => (
            <li key={person.id} className="member-row">
              <Avatar of={{ kind: "person", ...person }} presence={person.online ? "online" : "offline"} />
              <span className="member-names">
                <span>
                  {person.name}
                  {person.id === me.person.id && <span className="message-note"> (you)</span>}
                </span>
                <span className="member-handle">
                  {person.role} · {person.online ? "online" : "offline"}
                </span>
              </span>
              {changeable && room.may.manage && person.id !== me.person.id && (
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Remove ${person.name} from the room`}
                  title={`Remove ${person.name} from the room`}
                  onClick={() => void rooms.removeMember(roomId, person.id)}
                >
                  <Icon name="close" />
                </button>
              )}
            </li>
          ))}
        </ul>
      </section>
      {changeable && (
        <button type="button" className="button" onClick={() => setAdding(true)}>
          <Icon name="plus" />
          Add a person
        </button>
      )}
      {inviting && <InviteAgentDialog roomId={roomId} onClose={() => setInviting(false)} />}
      {adding && <AddMemberDialog roomId={roomId} onClose={() => setAdding(false)} />}
    </div>
  );
}
