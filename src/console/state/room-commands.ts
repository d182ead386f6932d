import type { WebApi } from "../api/web-api.ts";
import { type Attempt, failureText, isSessionOver } from "./failures.ts";
import { type PaneTab, windowKey } from "./model.ts";
import type { Store } from "./store.ts";

const PAGE_POSTS = 50;
const READ_PAUSE_MS = 500;

/** What a person does with rooms: open, page back, read, join, make, change. Failures end as notices. */
export function createRoomCommands(options: {
  store: Store;
  api: WebApi;
  attempt: Attempt;
  onSessionOver: () => void;
  catchUp: (roomId: string) => Promise<void>;
}) {
  const { store, api, attempt } = options;
  let readTimer: number | undefined;

  const loadWindow = async (roomId: string, threadRootId: string | null) => {
    store.dispatch({ type: "window_loading", roomId, threadRootId, older: false });
    try {
      const query = { limit: PAGE_POSTS, ...(threadRootId === null ? {} : { thread: threadRootId }) };
      const answer = await api.messages(roomId, query);
      store.dispatch({ type: "window_loaded", roomId, threadRootId, older: false, answer });
      await options.catchUp(roomId);
    } catch (error) {
      if (isSessionOver(error)) options.onSessionOver();
      else store.dispatch({ type: "window_failed", roomId, threadRootId, message: failureText(error) });
    }
  };

  const refreshMembers = async (roomId: string) => {
    const members = await attempt("The members could not be read", () => api.members(roomId));
    if (members) store.dispatch({ type: "members", roomId, members });
  };

  const refreshWork = async (roomId: string) => {
    const work = await attempt("The room's work could not be read", () => api.state(roomId));
    if (work) store.dispatch({ type: "work", roomId, work });
  };

  const openRoom = async (roomId: string) => {
    const room = store.getState().rooms[roomId];
    if (!room) return;
    store.dispatch({ type: "room_opened", roomId });
    window.history.replaceState(null, "", `#room=${encodeURIComponent(roomId)}`);
    if (!room.joined) return;
    const held = store.getState().windows[windowKey(roomId, null)];
    await Promise.all([
      held?.status === "ready" ? options.catchUp(roomId) : loadWindow(roomId, null),
      refreshMembers(roomId),
      refreshWork(roomId),
    ]);
  };

  const openThread = async (roomId: string, rootId: string) => {
    store.dispatch({ type: "pane", pane: { open: true, tab: "thread", threadRootId: rootId } });
    const held = store.getState().windows[windowKey(roomId, rootId)];
    if (held?.status !== "ready") await loadWindow(roomId, rootId);
  };

  return {
    openRoom,
    openThread,
    refreshMembers,
    refreshWork,
    loadWindow,
    reload: async (roomId: string) => {
      const { threadRootId } = store.getState().pane;
      store.dispatch({ type: "windows_dropped", roomId });
      if (store.getState().activeRoomId !== roomId) return;
      await Promise.all([
        loadWindow(roomId, null),
        ...(threadRootId === null ? [] : [loadWindow(roomId, threadRootId)]),
      ]);
    },
    loadOlder: async (roomId: string, threadRootId: string | null) => {
      const held = store.getState().windows[windowKey(roomId, threadRootId)];
      if (!held || held.status !== "ready" || !held.hasOlder || held.loadingOlder) return;
      store.dispatch({ type: "window_loading", roomId, threadRootId, older: true });
      try {
        const query = {
          limit: PAGE_POSTS,
          before: held.oldestSeq,
          ...(threadRootId === null ? {} : { thread: threadRootId }),
        };
        const answer = await api.messages(roomId, query);
        store.dispatch({ type: "window_loaded", roomId, threadRootId, older: true, answer });
      } catch (error) {
        if (isSessionOver(error)) options.onSessionOver();
        else store.dispatch({ type: "window_failed", roomId, threadRootId, message: failureText(error) });
      }
    },
    showPane: (pane: { open?: boolean; tab?: PaneTab }) => store.dispatch({ type: "pane", pane }),
    /** Moves the read mark, at most twice a second, to the newest change that is on the screen. */
    markRead: (roomId: string, seq: number) => {
      const room = store.getState().rooms[roomId];
      if (!room || seq <= room.readSeq) return;
      window.clearTimeout(readTimer);
      readTimer = window.setTimeout(() => {
        api.read(roomId, seq).then(
          () => store.dispatch({ type: "room_read", roomId, seq }),
          (error: unknown) => isSessionOver(error) && options.onSessionOver(),
        );
      }, READ_PAUSE_MS);
    },
    drawUnreadLine: (roomId: string) => store.dispatch({ type: "unread_line", roomId }),
    join: async (roomId: string) => {
      const room = await attempt("The room could not be joined", () => api.joinRoom(roomId));
      if (!room) return;
      store.dispatch({ type: "room", room });
      await openRoom(roomId);
    },
    leave: async (roomId: string) => {
      const left = await attempt("The room could not be left", () => api.leaveRoom(roomId).then(() => true));
      if (!left) return;
      store.dispatch({ type: "windows_dropped", roomId });
      const rooms = await attempt("The rooms could not be read", () => api.rooms());
      if (rooms) store.dispatch({ type: "rooms", rooms });
    },
    openDirect: async (to: { personId: string } | { agent: string }) => {
      const room = await attempt("The conversation could not be opened", () => api.openDirect(to));
      if (!room) return;
      store.dispatch({ type: "room", room });
      await openRoom(room.id);
    },
    /** The three below throw ApiError: their dialogs show the failure beside the field it is about. */
    create: async (body: { name: string; kind: "public" | "private"; topic: string }) => {
      const room = await api.createRoom(body);
      store.dispatch({ type: "room", room });
      await openRoom(room.id);
    },
    update: async (roomId: string, body: { name?: string; topic?: string; archived?: boolean }) => {
      store.dispatch({ type: "room", room: await api.updateRoom(roomId, body) });
    },
    addMember: async (roomId: string, personId: string) => {
      store.dispatch({ type: "members", roomId, members: await api.addMember(roomId, personId) });
    },
    /** Throws ApiError, as the three above. */
    inviteAgent: async (roomId: string, handle: string) => {
      store.dispatch({ type: "members", roomId, members: await api.inviteAgent(roomId, handle) });
    },
    uninviteAgent: async (roomId: string, handle: string) => {
      const members = await attempt("The invitation could not be ended", () => api.uninviteAgent(roomId, handle));
      if (members) store.dispatch({ type: "members", roomId, members });
    },
    takeOverAgent: async (roomId: string, handle: string) => {
      const members = await attempt("The invitation could not be taken over", () => api.takeOverAgent(roomId, handle));
      if (members) store.dispatch({ type: "members", roomId, members });
    },
    removeMember: async (roomId: string, personId: string) => {
      await attempt("The person could not be removed", () => api.removeMember(roomId, personId));
      await refreshMembers(roomId);
    },
  };
}

export type RoomCommands = ReturnType<typeof createRoomCommands>;
