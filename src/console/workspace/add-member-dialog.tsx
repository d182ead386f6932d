import { useState } from "react";
import { useConsole, useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";

/** People of the organization who are not in the room, each with a button to add them. */
export function AddMemberDialog({ roomId, onClose }: { roomId: string; onClose: () => void }) {
  const { rooms } = useController();
  const people = useConsole((state) => state.people);
  const members = useConsole((state) => state.members[roomId]);
  const [error, setError] = useState<string>();
  const others = Object.values(people).filter((person) => person.active && !members?.personIds.includes(person.id));

  const add = async (personId: string) => {
    setError(undefined);
    try {
      await rooms.addMember(roomId, personId);
    } catch (failure) {
      setError(failureText(failure));
    }
  };

  return (
    <Dialog title="Add a person" onClose={onClose}>
      <FormError text={error} />
      {others.length === 0 && <p>Everyone is here. An owner or admin can invite new people.</p>}
      <ul className="choice-list">
        {others.map((person) => (
          <li key={person.id} className="choice-row">
            <Avatar of={{ kind: "person", ...person }} small />
            <span className="member-names">
              <span>{person.name}</span>
            </span>
            <button
              type="button"
              className="button button-small"
              aria-label={`Add ${person.name}`}
              onClick={() => void add(person.id)}
            >
              Add
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
