import { useConsole } from "../state/context.tsx";
import { useRoomMembers } from "../state/use-room-members.ts";
import { AgentItem } from "./agent-item.tsx";
import { PersonItem } from "./person-item.tsx";

/** Agents and people of the open room, agents first, those who are here before those who are not. */
export function RoomMembers() {
  const roomId = useConsole((state) => state.activeRoomId);
  const { people, agents } = useRoomMembers(roomId);
  if (roomId === null) return null;
  return (
    <>
      <section className="roster-section">
        <div className="roster-section-head">
          <h2>Agents here</h2>
        </div>
        {agents.length === 0 ? (
          <p className="roster-empty">No agent is a member of this room.</p>
        ) : (
          <ul className="roster-list">
            {agents.map((agent) => (
              <li key={agent.agentId}>
                <AgentItem agent={agent} roomId={roomId} />
              </li>
            ))}
          </ul>
        )}
      </section>
      <section className="roster-section">
        <div className="roster-section-head">
          <h2>People here</h2>
        </div>
        <ul className="roster-list">
          {people.map((person) => (
            <li key={person.id}>
              <PersonItem person={person} />
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}
