import { useState } from "react";
import { Composer } from "../composer/composer.tsx";
import { useConsole, useController, useMe } from "../state/context.tsx";
import { windowKey } from "../state/model.ts";
import { timelinePosts } from "../state/timeline.ts";
import { useMayPost } from "../state/use-may-post.ts";
import { MessageLog } from "./message-log.tsx";
import { TypingLine } from "./typing-line.tsx";

/** A room's or thread's messages with the box to write in; loading and failure take the messages' place. */
export function ConversationView(props: {
  roomId: string;
  threadRootId: string | null;
  label: string;
  boxLabel: string;
}) {
  const { roomId, threadRootId } = props;
  const { rooms, store } = useController();
  const me = useMe();
  const window = useConsole((state) => state.windows[windowKey(roomId, threadRootId)]);
  const archived = useConsole((state) => state.rooms[roomId]?.archived ?? false);
  const mayPost = useMayPost(roomId);
  const [editingId, setEditingId] = useState<string | null>(null);
  const boxId = threadRootId === null ? "message-box" : "thread-box";

  const editLast = () => {
    const own = timelinePosts(store.getState(), roomId, threadRootId).findLast(
      (post) => post.author.id === me.person.id && post.deletedAt === null && !post.ephemeral,
    );
    if (own) setEditingId(own.id);
  };
  const onEdit = (postId: string | null) => {
    setEditingId(postId);
    if (postId === null) document.getElementById(boxId)?.focus();
  };

  return (
    <>
      {window?.status === "ready" ? (
        <MessageLog
          roomId={roomId}
          threadRootId={threadRootId}
          label={props.label}
          editingId={editingId}
          onEdit={onEdit}
        />
      ) : (
        <div className="log-wrap center-fill">
          {window?.status === "failed" ? (
            <div role="alert" className="stack">
              <p>{window.error}</p>
              <button type="button" className="button" onClick={() => void rooms.loadWindow(roomId, threadRootId)}>
                Try again
              </button>
            </div>
          ) : (
            <output>Loading messages…</output>
          )}
        </div>
      )}
      <TypingLine roomId={roomId} threadRootId={threadRootId} />
      {mayPost ? (
        <Composer
          key={windowKey(roomId, threadRootId)}
          roomId={roomId}
          threadRootId={threadRootId}
          boxId={boxId}
          label={props.boxLabel}
          onEditLast={editLast}
        />
      ) : (
        <p className="composer message-note">
          {archived ? "This room is archived: it can be read, and not written in." : "You cannot write in this room."}
        </p>
      )}
    </>
  );
}
