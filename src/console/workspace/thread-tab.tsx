import { ConversationView } from "../room/conversation-view.tsx";
import { Icon } from "../ui/icon.tsx";

/** The open thread with its own message box, or how to open one. */
export function ThreadTab({ roomId, threadRootId }: { roomId: string; threadRootId: string | null }) {
  if (threadRootId === null) {
    return (
      <div className="workspace-empty">
        <Icon name="thread" />
        <p>No thread is open. Choose “Reply in thread” at a message, or the replies below one.</p>
      </div>
    );
  }
  return (
    <>
      <h2 className="visually-hidden">Thread</h2>
      <ConversationView
        key={threadRootId}
        roomId={roomId}
        threadRootId={threadRootId}
        label="Messages in this thread"
        boxLabel="Reply in this thread"
      />
    </>
  );
}
