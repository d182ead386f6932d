import type { WebRoom } from "../api/protocol.ts";
import { useConsole, useController } from "../state/context.tsx";
import { Avatar, agentFace } from "../ui/avatar.tsx";
import { Icon } from "../ui/icon.tsx";

/** One room or direct message of the roster, with its unread count. */
export function RoomItem({ room }: { room: WebRoom }) {
  const { rooms } = useController();
  const active = useConsole((state) => state.activeRoomId === room.id);
  const unread = active ? 0 : room.unread;
  // Every message of a direct conversation is meant for its reader.
  const named = room.unreadMentions > 0 || room.kind === "direct";
  return (
    <li>
      <button
        type="button"
        className={unread > 0 ? "roster-item roster-item-unread" : "roster-item"}
        aria-current={active ? "page" : undefined}
        onClick={() => void rooms.openRoom(room.id)}
      >
        <RoomGlyph room={room} />
        <span className="roster-name">
          {room.name}
          {room.archived && <span className="message-note"> (archived)</span>}
        </span>
        {unread > 0 && (
          <span className={named ? "badge badge-count" : "badge"}>
            {named && "@ "}
            {unread >= 100 ? "99+" : unread}
            <span className="visually-hidden"> unread{named && ", you were named"}</span>
          </span>
        )}
      </button>
    </li>
  );
}

/** A lock or hash for rooms; for a direct message the other side's avatar and presence. */
function RoomGlyph({ room }: { room: WebRoom }) {
  const peer = room.peer;
  const person = useConsole((state) => (peer?.kind === "person" ? state.people[peer.personId] : undefined));
  const agent = useConsole((state) =>
    peer?.kind === "agent" ? state.agents.find((candidate) => candidate.handle === peer.handle) : undefined,
  );
  if (agent) {
    const presence = agent.status === "active" ? "online" : "away";
    return <Avatar of={agentFace(agent)} small presence={presence} />;
  }
  if (room.kind === "direct") {
    const of = { kind: "person" as const, id: person?.id ?? room.id, name: room.name, color: person?.color };
    return <Avatar of={of} small presence={person?.online ? "online" : "offline"} />;
  }
  return (
    <span className="roster-glyph">
      <Icon name={room.kind === "private" ? "lock" : "hash"} />
      <span className="visually-hidden">{room.kind === "private" ? "Private room " : ""}</span>
    </span>
  );
}
