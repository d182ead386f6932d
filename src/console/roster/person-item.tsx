import type { WebPerson } from "../api/protocol.ts";
import { useController, useMe } from "../state/context.tsx";
import { Avatar } from "../ui/avatar.tsx";

/** A person of the roster: choosing somebody else opens a direct conversation. */
export function PersonItem({ person }: { person: WebPerson }) {
  const { rooms } = useController();
  const me = useMe();
  const own = person.id === me.person.id;
  const content = (
    <>
      <Avatar of={{ kind: "person", ...person }} small presence={person.online ? "online" : "offline"} />
      <span className="member-names">
        <span>
          {person.name}
          {own && <span className="message-note"> (you)</span>}
        </span>
      </span>
      <span className="visually-hidden">{person.online ? "online" : "offline"}</span>
    </>
  );
  if (own) return <div className="roster-item roster-item-still">{content}</div>;
  return (
    <button
      type="button"
      className="roster-item"
      title={`Write to ${person.name} directly`}
      onClick={() => void rooms.openDirect({ personId: person.id })}
    >
      {content}
    </button>
  );
}
