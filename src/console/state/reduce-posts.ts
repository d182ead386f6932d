import type { WebPost } from "../api/protocol.ts";
import type { ActionOf } from "./action.ts";
import type { Handlers } from "./apply-handlers.ts";
import { type ConsoleState, type PostWindow, windowKey } from "./model.ts";

const EMPTY_WINDOW: PostWindow = { status: "loading", oldestSeq: 0, hasOlder: false, loadingOlder: false };

/** Posts, the windows they are seen through, live text and unconfirmed posts. */
export const postHandlers: Handlers = {
  window_loading: (state, action) =>
    setWindow(state, action, (held) => (action.older ? { ...held, loadingOlder: true } : EMPTY_WINDOW)),
  window_failed: (state, action) =>
    setWindow(state, action, (held) => ({
      ...held,
      status: held.loadingOlder ? held.status : "failed",
      loadingOlder: false,
      error: action.message,
    })),
  window_loaded: windowLoaded,
  windows_dropped: (state, { roomId }) => dropRoomPosts(state, roomId),
  changes: (state, { roomId, answer }) => {
    const wanted = answer.posts.filter((post) => isWanted(state, post));
    return setCursor(mergePosts(state, wanted), roomId, answer.cursor);
  },
  post: (state, { post }) => {
    const next = isWanted(state, post) ? mergePosts(state, [post]) : dropPending(state, post);
    const cursor = state.cursors[post.roomId];
    // A gap in the count leaves the cursor where it is: the reader of changes fills it.
    return cursor !== undefined && post.changeSeq === cursor + 1 ? setCursor(next, post.roomId, post.changeSeq) : next;
  },
  previews: (state, { texts }) => ({ ...state, previews: { ...state.previews, ...streamingOnly(state, texts) } }),
  pending: (state, { post }) => {
    const others = state.pending.filter((held) => held.clientMessageId !== post.clientMessageId);
    return { ...state, pending: [...others, post] };
  },
  pending_dropped: (state, { clientMessageId }) => ({
    ...state,
    pending: state.pending.filter((post) => post.clientMessageId !== clientMessageId),
  }),
};

function windowLoaded(state: ConsoleState, action: ActionOf<"window_loaded">): ConsoleState {
  const { posts, hasMore, lastSeq } = action.answer;
  const key = windowKey(action.roomId, action.threadRootId);
  const held = state.windows[key];
  const replies = action.threadRootId === null ? posts : posts.filter((post) => post.id !== action.threadRootId);
  const oldest = replies[0]?.seq ?? (action.older && held ? held.oldestSeq : 0);
  const loaded: PostWindow = { status: "ready", oldestSeq: oldest, hasOlder: hasMore, loadingOlder: false };
  const next = mergePosts({ ...state, windows: { ...state.windows, [key]: loaded } }, posts);
  // Only the first page of the room itself vouches for everything up to `lastSeq`.
  return action.threadRootId === null && !action.older ? setCursor(next, action.roomId, lastSeq, true) : next;
}

/** Keeps, per post, the version with the largest `changeSeq`; a final post ends its live text, a confirmed one its pending twin. */
function mergePosts(state: ConsoleState, incoming: readonly WebPost[]): ConsoleState {
  const fresh = incoming.filter((post) => post.changeSeq >= (state.posts[post.id]?.changeSeq ?? 0));
  if (fresh.length === 0) return state;
  const posts = { ...state.posts };
  const previews = { ...state.previews };
  for (const post of fresh) {
    // `clientMessageId` is the key of the shown element: it must not vanish with an answer that leaves it out.
    const clientMessageId = post.clientMessageId ?? state.posts[post.id]?.clientMessageId;
    posts[post.id] = clientMessageId === undefined ? post : { ...post, clientMessageId };
    // The server's text also replaces live text that fell behind it.
    if (post.state === "final" || (previews[post.id]?.length ?? 0) < post.text.length) delete previews[post.id];
  }
  const confirmed = new Set(fresh.map((post) => post.clientMessageId));
  const pending = state.pending.some((post) => confirmed.has(post.clientMessageId))
    ? state.pending.filter((post) => !confirmed.has(post.clientMessageId))
    : state.pending;
  return { ...state, posts, previews, pending };
}

/** A post belongs to what is held when its room's or thread's window is; older ones than the window would leave a gap. */
function isWanted(state: ConsoleState, post: WebPost): boolean {
  if (state.posts[post.id]) return true;
  const window = state.windows[windowKey(post.roomId, post.threadRootId)];
  // While the first page is under way its oldest post is unknown, and what comes now may not be in the page.
  return window !== undefined && (window.status === "loading" || post.seq >= window.oldestSeq);
}

function dropPending(state: ConsoleState, post: WebPost): ConsoleState {
  if (post.clientMessageId === undefined) return state;
  return { ...state, pending: state.pending.filter((held) => held.clientMessageId !== post.clientMessageId) };
}

function streamingOnly(state: ConsoleState, texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([postId]) => state.posts[postId]?.state !== "final"));
}

function dropRoomPosts(state: ConsoleState, roomId: string): ConsoleState {
  const posts = Object.fromEntries(Object.entries(state.posts).filter(([, post]) => post.roomId !== roomId));
  const windows = Object.fromEntries(Object.entries(state.windows).filter(([key]) => key.split(" ")[0] !== roomId));
  const { [roomId]: _cursor, ...cursors } = state.cursors;
  return { ...state, posts, windows, cursors };
}

function setCursor(state: ConsoleState, roomId: string, seq: number, force = false): ConsoleState {
  if (!force && seq <= (state.cursors[roomId] ?? 0)) return state;
  return { ...state, cursors: { ...state.cursors, [roomId]: seq } };
}

function setWindow(
  state: ConsoleState,
  place: { roomId: string; threadRootId: string | null },
  change: (held: PostWindow) => PostWindow,
): ConsoleState {
  const key = windowKey(place.roomId, place.threadRootId);
  return { ...state, windows: { ...state.windows, [key]: change(state.windows[key] ?? EMPTY_WINDOW) } };
}
