import type { WebPost } from "../api/protocol.ts";
import { useController } from "../state/context.tsx";
import { Dialog } from "../ui/dialog.tsx";

/** Asks before a message is deleted, because that cannot be taken back. */
export function DeleteDialog({ post, onClose }: { post: WebPost; onClose: () => void }) {
  const { posts } = useController();
  const boxId = post.threadRootId === null ? "message-box" : "thread-box";
  return (
    <Dialog title="Delete this message?" onClose={onClose}>
      <p className="confirm-quote">{post.text}</p>
      <p>It disappears for everyone. An agent that is answering it stops.</p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Keep it
        </button>
        <button
          type="button"
          className="button button-danger"
          onClick={() => {
            onClose();
            // The focus must not vanish with the message.
            void posts.remove(post).then(() => document.getElementById(boxId)?.focus());
          }}
        >
          Delete
        </button>
      </div>
    </Dialog>
  );
}
