import type { ServerFrame } from "../api/server-frame.ts";
import type { WebApi } from "../api/web-api.ts";
import { isSessionOver } from "./failures.ts";
import type { Preview } from "./preview-buffer.ts";
import { createPreviewBuffer } from "./preview-buffer.ts";
import type { Store } from "./store.ts";

const TYPING_SHOWN_MS = 6_000;
/** More missed changes than this are not worth reading one by one: the room is loaded afresh. */
const MOST_CATCH_UP_PAGES = 5;
const RETRY_CATCH_UP_MS = 3_000;

export interface Sync {
  onFrame(frame: ServerFrame): void;
  /** Reads what a room's count says is missing; concurrent calls for one room become one. */
  catchUp(roomId: string): Promise<void>;
}

/**
 * Keeps the state equal to the server's, whatever the connection does.
 *
 * Every change of a room has a number without gaps. The cursor of a room is the number up to which all is held; whenever the
 * server names a larger one, the changes between are read by HTTP. Repeats are harmless, because a post keeps its newest version.
 */
export function createSync(options: {
  store: Store;
  api: WebApi;
  onSessionOver: () => void;
  reload: (roomId: string) => Promise<void>;
  onHello: () => void;
  /** Called when agents have changed, or what lets them into rooms. */
  onAgents: () => void;
}): Sync {
  const { store, api } = options;
  const running = new Map<string, Promise<void>>();
  const previews = createPreviewBuffer(store, (postId) => void refetch(postId));

  const refetch = async (postId: string) => {
    try {
      store.dispatch({ type: "post", change: "edited", post: await api.post(postId) });
    } catch (error) {
      if (isSessionOver(error)) options.onSessionOver();
      // Otherwise the final text is on its way as a change of the room, so nothing is lost by waiting for it.
    }
  };

  const readChanges = async (roomId: string) => {
    for (let page = 0; page < MOST_CATCH_UP_PAGES; page += 1) {
      const after = store.getState().cursors[roomId];
      if (after === undefined) return;
      const answer = await api.changes(roomId, after);
      store.dispatch({ type: "changes", roomId, answer });
      if (!answer.hasMore) return;
    }
    await options.reload(roomId);
  };

  const catchUp = (roomId: string): Promise<void> => {
    const known = running.get(roomId);
    if (known) return known;
    const work = readChanges(roomId)
      .catch((error: unknown) => {
        if (isSessionOver(error)) options.onSessionOver();
        else setTimeout(() => void catchUpIfBehind(roomId), RETRY_CATCH_UP_MS);
      })
      .finally(() => running.delete(roomId));
    running.set(roomId, work);
    return work;
  };

  const catchUpIfBehind = async (roomId: string) => {
    const { cursors, rooms } = store.getState();
    const cursor = cursors[roomId];
    if (cursor !== undefined && (rooms[roomId]?.lastSeq ?? 0) > cursor) await catchUp(roomId);
  };

  const compare = (rooms: readonly { roomId: string; lastSeq: number }[]) => {
    const { cursors, rooms: held } = store.getState();
    for (const { roomId, lastSeq } of rooms) {
      const cursor = cursors[roomId];
      if (cursor !== undefined && lastSeq > cursor) void catchUp(roomId);
    }
    // Rooms that are not on the screen need their unread counts alone.
    const stale = rooms.some(
      ({ roomId, lastSeq }) => cursors[roomId] === undefined && lastSeq > (held[roomId]?.lastSeq ?? -1),
    );
    if (stale)
      void api.rooms().then(
        (answer) => store.dispatch({ type: "rooms", rooms: answer }),
        () => undefined,
      );
  };

  const onPreview = (preview: Preview) => previews.add(preview);

  return {
    catchUp: catchUpIfBehind,
    onFrame: (frame) => {
      switch (frame.type) {
        case "hello":
          options.onHello();
          compare(frame.rooms);
          return;
        case "sync":
          compare(frame.rooms);
          return;
        case "post":
          store.dispatch(frame);
          void catchUpIfBehind(frame.post.roomId);
          return;
        case "preview":
          onPreview(frame);
          return;
        case "typing":
          store.dispatch({ type: "typing", person: { ...frame, untilMs: Date.now() + TYPING_SHOWN_MS } });
          setTimeout(() => store.dispatch({ type: "typing_expired", nowMs: Date.now() }), TYPING_SHOWN_MS + 50);
          return;
        case "read":
          store.dispatch({ type: "room_read", roomId: frame.roomId, seq: frame.seq });
          return;
        case "error":
          store.dispatch({ type: "notice", kind: "error", text: frame.message });
          return;
        case "agents":
          store.dispatch(frame);
          options.onAgents();
          return;
        case "room":
        case "room_removed":
        case "member":
        case "person":
        case "presence":
        case "turn":
          store.dispatch(frame);
          return;
      }
    },
  };
}
