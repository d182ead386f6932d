import { useConsole, useController } from "../state/context.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";

/** Public rooms that one is not in, each with a button to join. */
export function BrowseRoomsDialog({ onClose }: { onClose: () => void }) {
  const { rooms: commands } = useController();
  const rooms = useConsole((state) => state.rooms);
  const open = Object.values(rooms).filter((room) => !room.joined && room.kind === "public" && !room.archived);
  return (
    <Dialog title="Join a room" onClose={onClose}>
      {open.length === 0 ? (
        <p>There is no other public room. Create one, or ask to be added to a private one.</p>
      ) : (
        <ul className="choice-list">
          {open.map((room) => (
            <li key={room.id} className="choice-row">
              <Icon name="hash" />
              <span className="member-names">
                <span>{room.name}</span>
                <span className="member-handle">
                  {room.memberCount} {room.memberCount === 1 ? "person" : "people"}
                  {room.topic && ` · ${room.topic}`}
                </span>
              </span>
              <button
                type="button"
                className="button button-small"
                aria-label={`Join ${room.name}`}
                onClick={() => {
                  onClose();
                  void commands.join(room.id);
                }}
              >
                Join
              </button>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
