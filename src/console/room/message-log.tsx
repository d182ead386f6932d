import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useConsole, useController, useMe } from "../state/context.tsx";
import { windowKey } from "../state/model.ts";
import { timelinePosts, timelineRows } from "../state/timeline.ts";
import { Icon } from "../ui/icon.tsx";
import { dayLabel } from "../ui/time.ts";
import { Divider } from "./divider.tsx";
import { MessageItem } from "./message-item.tsx";
import { PendingItem } from "./pending-item.tsx";
import { TurnLines } from "./turn-lines.tsx";
import { useAnnounceAnswers } from "./use-announce-answers.ts";
import { useMarkRead } from "./use-mark-read.ts";
import { useMentionNames } from "./use-mention-names.ts";
import { useScrollPlace } from "./use-scroll-place.ts";

export interface LogProps {
  readonly roomId: string;
  readonly threadRootId: string | null;
  readonly label: string;
  readonly editingId: string | null;
  readonly onEdit: (postId: string | null) => void;
}

/**
 * The messages of a room or thread. New ones are read aloud politely while one reads at the end; an agent's growing text is
 * not, its finished answer is. One message is a tab stop, the arrow keys go to the others.
 */
export function MessageLog({ roomId, threadRootId, label, editingId, onEdit }: LogProps) {
  const { rooms } = useController();
  const me = useMe();
  const held = useConsole((state) => state.posts);
  const windows = useConsole((state) => state.windows);
  const allPending = useConsole((state) => state.pending);
  const unreadAfterSeq = useConsole((state) => (threadRootId === null ? state.unreadAfter[roomId] : undefined));
  const unread = useConsole((state) => (threadRootId === null ? (state.rooms[roomId]?.unread ?? 0) : 0));
  const names = useMentionNames(roomId);
  const { scroller, content, atEnd, toEnd } = useScrollPlace(() => void rooms.loadOlder(roomId, threadRootId));
  const window = windows[windowKey(roomId, threadRootId)];

  const posts = useMemo(
    () => timelinePosts({ posts: held, windows }, roomId, threadRootId),
    [held, windows, roomId, threadRootId],
  );
  const rows = useMemo(() => {
    const pending = allPending.filter((post) => post.roomId === roomId && post.threadRootId === threadRootId);
    return timelineRows({ posts, pending, ownId: me.person.id, unreadAfterSeq, days: threadRootId === null });
  }, [posts, allPending, roomId, threadRootId, me.person.id, unreadAfterSeq]);

  const lastPending = allPending.at(-1)?.clientMessageId;
  const sentBefore = useRef(lastPending);
  useEffect(() => {
    // Whoever writes wants to see it, wherever they were reading.
    if (lastPending !== undefined && lastPending !== sentBefore.current) toEnd();
    sentBefore.current = lastPending;
  }, [lastPending, toEnd]);
  useAnnounceAnswers(posts);
  useMarkRead({ roomId, enabled: threadRootId === null && atEnd, posts });

  const [chosen, setChosen] = useState<string>();
  const keys = rows.filter((row) => row.kind === "post").map((row) => row.key);
  const active = chosen !== undefined && keys.includes(chosen) ? chosen : keys.at(-1);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (!(event.target instanceof HTMLElement) || event.target.tagName !== "ARTICLE") return;
    const at = keys.indexOf(active ?? "");
    const next = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: keys.length - 1 }[event.key];
    const key = next === undefined ? undefined : keys[next];
    if (key === undefined) return;
    event.preventDefault();
    setChosen(key);
    const articles = event.currentTarget.querySelectorAll("article");
    articles[next ?? 0]?.focus();
  };

  return (
    <div className="log-wrap">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the keys are those of the messages inside */}
      <div
        ref={scroller}
        className="log"
        role="log"
        aria-label={label}
        aria-live={atEnd ? "polite" : "off"}
        aria-relevant="additions"
        onKeyDown={onKeyDown}
      >
        <div ref={content}>
          <LogStart
            hasOlder={window?.hasOlder ?? false}
            loading={window?.loadingOlder ?? false}
            thread={threadRootId !== null}
          />
          {rows.map((row) => {
            switch (row.kind) {
              case "day":
                return <Divider key={row.key} label={dayLabel(row.at)} />;
              case "unread":
                return <Divider key={row.key} label="New" unread />;
              case "pending":
                return <PendingItem key={row.key} pending={row.pending} names={names} />;
              case "post":
                return (
                  <MessageItem
                    key={row.key}
                    post={row.post}
                    headed={row.headed}
                    inThread={threadRootId !== null}
                    names={names}
                    active={row.key === active}
                    onActive={() => setChosen(row.key)}
                    editing={editingId === row.post.id}
                    onEdit={onEdit}
                  />
                );
            }
          })}
          <TurnLines roomId={roomId} threadRootId={threadRootId} posts={posts} />
        </div>
      </div>
      {!atEnd && (
        <button type="button" className="button jump" onClick={toEnd}>
          <Icon name="down" />
          {unread > 0 ? `${unread} new below` : "Jump to the newest"}
        </button>
      )}
    </div>
  );
}

function LogStart({ hasOlder, loading, thread }: { hasOlder: boolean; loading: boolean; thread: boolean }) {
  if (loading) return <p className="log-start">Loading older messages…</p>;
  if (hasOlder || thread) return null;
  return <p className="log-start">This is where the room begins.</p>;
}
