import { useMemo } from "react";
import type { WebPost } from "../api/protocol.ts";
import { useConsole, useController } from "../state/context.tsx";
import { Icon } from "../ui/icon.tsx";
import { clockTime, dayLabel } from "../ui/time.ts";

/** Leads from a message to its thread: how many replies, when the last, and which agent works there now. */
export function ThreadLink({ post }: { post: WebPost }) {
  const { rooms } = useController();
  const turns = useConsole((state) => state.turns);
  const working = useMemo(
    () => turns.filter((turn) => turn.threadRootId === post.id).map((turn) => turn.agent.name),
    [turns, post.id],
  );
  const replyCount = post.thread?.replyCount ?? 0;
  if (replyCount === 0 && working.length === 0) return null;
  const when = post.thread ? `${dayLabel(post.thread.lastReplyAt)} ${clockTime(post.thread.lastReplyAt)}` : "";
  return (
    <div>
      <button type="button" className="thread-link" onClick={() => void rooms.openThread(post.roomId, post.id)}>
        <Icon name="thread" />
        <span>{replyCount === 0 ? "Thread" : replyCount === 1 ? "1 reply" : `${replyCount} replies`}</span>
        <span className="message-note">
          {working.length > 0 ? `${working.join(" and ")} ${working.length === 1 ? "is" : "are"} working` : when}
        </span>
      </button>
    </div>
  );
}
