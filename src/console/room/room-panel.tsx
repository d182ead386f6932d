import { useEffect } from "react";
import { useConsole, useController } from "../state/context.tsx";
import { ConnectionBar } from "./connection-bar.tsx";
import { ConversationView } from "./conversation-view.tsx";
import { RoomHeader } from "./room-header.tsx";
import { useFollowAnswer } from "./use-follow-answer.ts";

/** The middle panel: the open room, or what to do when there is none. */
export function RoomPanel({ onOpenRoster }: { onOpenRoster: () => void }) {
  const { rooms } = useController();
  const room = useConsole((state) => (state.activeRoomId === null ? undefined : state.rooms[state.activeRoomId]));
  const loaded = useConsole((state) => state.roomsLoaded);
  const unread = useConsole((state) =>
    Object.values(state.rooms).reduce((sum, other) => sum + (other.joined ? other.unread : 0), 0),
  );
  useFollowAnswer();
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${room ? `${room.name} · ` : ""}Parley`;
  }, [room, unread]);

  return (
    <main className="panel room-panel">
      <RoomHeader room={room} onOpenRoster={onOpenRoster} />
      <ConnectionBar />
      {room?.joined ? (
        <>
          <h2 className="visually-hidden">Messages</h2>
          <ConversationView
            key={room.id}
            roomId={room.id}
            threadRootId={null}
            label={`Messages in ${room.name}`}
            boxLabel={room.kind === "direct" ? `Message ${room.name}` : `Message #${room.name}`}
          />
        </>
      ) : (
        <div className="center-fill">
          {room ? (
            <div className="stack">
              <p>You are not in {room.name}.</p>
              <button type="button" className="button button-primary" onClick={() => void rooms.join(room.id)}>
                Join {room.name}
              </button>
            </div>
          ) : (
            <output>{loaded ? "Choose a room on the left, or create one." : "Opening the rooms…"}</output>
          )}
        </div>
      )}
    </main>
  );
}
