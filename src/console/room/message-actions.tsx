import { useState } from "react";
import type { WebPost } from "../api/protocol.ts";
import { useController, useMe } from "../state/context.tsx";
import { useMayPost } from "../state/use-may-post.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { EmojiPicker } from "./emoji-picker.tsx";
import { WhyDialog } from "./why-dialog.tsx";

/** What can be done with a message; only what this person may do is offered. */
export function MessageActions(props: { post: WebPost; inThread: boolean; active: boolean; onEdit: () => void }) {
  const { post, inThread, active } = props;
  const { posts, rooms, store } = useController();
  const me = useMe();
  const mayPost = useMayPost(post.roomId);
  const [picking, setPicking] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [asking, setAsking] = useState(false);
  const own = post.author.kind === "person" && post.author.id === me.person.id;
  const mayDelete = own || me.person.role !== "member";
  const tabIndex = active ? 0 : -1;
  if (post.ephemeral || !mayPost) return null;

  return (
    <div className="message-actions">
      <div className="menu-wrap">
        <ActionButton
          icon="smile"
          label="React"
          tabIndex={tabIndex}
          expanded={picking}
          onClick={() => setPicking(!picking)}
        />
        {picking && (
          <EmojiPicker
            onClose={() => setPicking(false)}
            onPick={(emoji) => {
              setPicking(false);
              void posts.react(post, emoji, true);
            }}
          />
        )}
      </div>
      {!inThread && (
        <ActionButton
          icon="thread"
          label="Reply in thread"
          tabIndex={tabIndex}
          onClick={() => {
            void rooms.openThread(post.roomId, post.id).then(focusThreadBox);
          }}
        />
      )}
      <ActionButton
        icon="copy"
        label="Copy message id"
        tabIndex={tabIndex}
        onClick={() => void copyMessageId(post.id).then((text) => store.dispatch({ type: "notice", kind: "ok", text }))}
      />
      {post.author.kind !== "system" && (
        <ActionButton
          icon="question"
          label={post.author.kind === "agent" ? "Why this answer?" : "What became of this message?"}
          tabIndex={tabIndex}
          onClick={() => setAsking(true)}
        />
      )}
      {own && <ActionButton icon="pencil" label="Edit" tabIndex={tabIndex} onClick={props.onEdit} />}
      {mayDelete && <ActionButton icon="trash" label="Delete" tabIndex={tabIndex} onClick={() => setDeleting(true)} />}
      {asking && <WhyDialog post={post} onClose={() => setAsking(false)} />}
      {deleting && <DeleteDialog post={post} onClose={() => setDeleting(false)} />}
    </div>
  );
}

function ActionButton(props: {
  icon: IconName;
  label: string;
  tabIndex: number;
  expanded?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={props.label}
      title={props.label}
      tabIndex={props.tabIndex}
      aria-expanded={props.expanded}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** What `parley explain` takes. Resolves with what to tell the person; where the page has no clipboard, with the id to copy by hand. */
async function copyMessageId(postId: string): Promise<string> {
  const command = `parley explain ${postId}`;
  try {
    await navigator.clipboard.writeText(postId);
    return `Copied. "${command}" shows what became of the message.`;
  } catch {
    return `"${command}" shows what became of the message.`;
  }
}

/** Replying means writing: the person who asked for the thread gets its message box. */
function focusThreadBox(): void {
  document.getElementById("thread-box")?.focus();
}
