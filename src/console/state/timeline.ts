import type { WebPost } from "../api/protocol.ts";
import { dayKey } from "../ui/time.ts";
import { type ConsoleState, type PendingPost, windowKey } from "./model.ts";

const SAME_HEADER_MS = 5 * 60_000;

export type TimelineRow =
  | { readonly kind: "day"; readonly key: string; readonly at: string }
  | { readonly kind: "unread"; readonly key: string }
  | { readonly kind: "post"; readonly key: string; readonly post: WebPost; readonly headed: boolean }
  | { readonly kind: "pending"; readonly key: string; readonly pending: PendingPost };

/** The posts of a room or thread that the held window covers, oldest first; a thread begins with its first post. */
export function timelinePosts(
  state: Pick<ConsoleState, "posts" | "windows">,
  roomId: string,
  threadRootId: string | null,
): readonly WebPost[] {
  const window = state.windows[windowKey(roomId, threadRootId)];
  const oldestSeq = window?.oldestSeq ?? 0;
  const posts = Object.values(state.posts).filter(
    (post) => post.roomId === roomId && post.threadRootId === threadRootId && post.seq >= oldestSeq,
  );
  posts.sort((a, b) => a.seq - b.seq);
  const root = threadRootId === null ? undefined : state.posts[threadRootId];
  return root ? [root, ...posts] : posts;
}

/** Posts with day lines, the line above the first unread post, and one header for a run of posts of one author. */
export function timelineRows(options: {
  posts: readonly WebPost[];
  pending: readonly PendingPost[];
  ownId: string;
  unreadAfterSeq: number | undefined;
  days: boolean;
}): readonly TimelineRow[] {
  const rows: TimelineRow[] = [];
  let before: WebPost | undefined;
  let lineDrawn = options.unreadAfterSeq === undefined;
  for (const post of options.posts) {
    if (isHidden(post)) continue;
    const newDay = options.days && (!before || dayKey(before.createdAt) !== dayKey(post.createdAt));
    if (newDay) rows.push({ kind: "day", key: `day ${dayKey(post.createdAt)}`, at: post.createdAt });
    const firstUnread = !lineDrawn && post.seq > (options.unreadAfterSeq ?? 0) && post.author.id !== options.ownId;
    if (firstUnread) {
      rows.push({ kind: "unread", key: "unread" });
      lineDrawn = true;
    }
    const headed = newDay || firstUnread || !before || !continues(before, post);
    rows.push({ kind: "post", key: post.clientMessageId ?? post.id, post, headed });
    before = post;
  }
  const shown = new Set(options.posts.map((post) => post.clientMessageId));
  for (const pending of options.pending) {
    if (!shown.has(pending.clientMessageId)) rows.push({ kind: "pending", key: pending.clientMessageId, pending });
  }
  return rows;
}

/** A deleted post stays visible only where something hangs on it. */
function isHidden(post: WebPost): boolean {
  return post.deletedAt !== null && (post.thread?.replyCount ?? 0) === 0;
}

function continues(before: WebPost, post: WebPost): boolean {
  return (
    before.author.id === post.author.id &&
    before.author.kind === post.author.kind &&
    before.ephemeral === post.ephemeral &&
    Date.parse(post.createdAt) - Date.parse(before.createdAt) < SAME_HEADER_MS
  );
}
