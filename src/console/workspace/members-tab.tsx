import { useState } from "react";
import { useConsole, useController, useMe } from "../state/context.tsx";
import { useRoomMembers } from "../state/use-room-members.ts";
import { Avatar, agentFace, agentStateNote } from "../ui/avatar.tsx";
import { Icon } from "../ui/icon.tsx";
import { AddMemberDialog } from "./add-member-dialog.tsx";

/** Everyone who can read the room now, with what each agent is for; people can be added and, by those who may, removed. */
export function MembersTab({ roomId }: { roomId: string }) {
  const { rooms } = useController();
  const me = useMe();
  const room = useConsole((state) => state.rooms[roomId]);
  const { people, agents } = useRoomMembers(roomId);
  const [adding, setAdding] = useState(false);
  const changeable = room !== undefined && room.kind !== "direct" && room.joined;
  return (
    <div className="workspace-scroll">
      <h2 className="visually-hidden">Members</h2>
      <section>
        <h3>Agents</h3>
        <ul className="stack roster-list">
          {agents.map((agent) => (
            <li key={agent.agentId} className="member-row">
              <Avatar of={agentFace(agent)} presence={agent.status === "active" ? "online" : "away"} />
              <span className="member-names">
                <span>
                  {agent.name} <span className="badge">agent</span>
                </span>
                <span className="member-handle">
                  @{agent.handle}
                  {agentStateNote(agent.status)}
                </span>
                {agent.description && <span className="member-about">{agent.description}</span>}
              </span>
            </li>
          ))}
        </ul>
        {agents.length === 0 && <p className="roster-empty">No agent is a member of this room.</p>}
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
      {adding && <AddMemberDialog roomId={roomId} onClose={() => setAdding(false)} />}
    </div>
  );
}
