import type { MeAnswer } from "../api/protocol.ts";
import { openRoomSocket, type RoomSocket } from "../api/socket.ts";
import { type WebApi, webApi } from "../api/web-api.ts";
import { clearDrafts } from "../composer/drafts.ts";
import { createAttempt, failureText, isSessionOver, signInFailure } from "./failures.ts";
import { createPostCommands, type PostCommands } from "./post-commands.ts";
import { createRoomCommands, type RoomCommands } from "./room-commands.ts";
import { createStore, type Store } from "./store.ts";
import { createSync } from "./sync.ts";

const SESSION_OVER = "Your session has ended. Sign in again with a new link.";
const TYPING_PAUSE_MS = 3_000;
const START_RETRY_MS = 3_000;

export interface Controller {
  readonly store: Store;
  readonly api: WebApi;
  readonly rooms: RoomCommands;
  readonly posts: PostCommands;
  /** Begins a session with the code of a sign-in link, or finds out whether there is one; else shows the sign-in page. */
  start(code?: string): Promise<void>;
  /** Throws ApiError when the code is refused. */
  signIn(code: string): Promise<void>;
  signOut(): Promise<void>;
  /** Throws ApiError, for the dialog. */
  rename(name: string): Promise<void>;
  /** Tells the others, at most every 3 s, that this person writes. */
  typing(roomId: string, threadRootId: string | null): void;
  reconnect(): void;
}

/** Joins store, API and socket into what the components call; there is one per page. */
export function createController(): Controller {
  const store = createStore();
  const api = webApi;
  let socket: RoomSocket | undefined;
  let failedConnections = 0;
  let lastTyping = { place: "", atMs: 0 };

  const end = (notice?: string) => {
    socket?.close();
    socket = undefined;
    store.dispatch(notice === undefined ? { type: "signed_out" } : { type: "signed_out", notice });
  };
  const onSessionOver = () => {
    clearDrafts();
    end(SESSION_OVER);
  };
  const attempt = createAttempt(store, onSessionOver);
  const posts = createPostCommands({ store, api, attempt, onSessionOver });
  const rooms = createRoomCommands({ store, api, attempt, onSessionOver, catchUp: (roomId) => sync.catchUp(roomId) });

  const loadLists = async () => {
    const [people, agents, list] = await Promise.all([api.people(), api.agents(), api.rooms()]);
    store.dispatch({ type: "people", people });
    store.dispatch({ type: "agents", agents });
    store.dispatch({ type: "rooms", rooms: list });
  };

  /** After every (re)connection: lists afresh, what is on the screen caught up, and what could not be sent sent again. */
  const onHello = () => {
    void attempt("The rooms could not be read", async () => {
      await loadLists();
      const { activeRoomId } = store.getState();
      if (activeRoomId === null) await openFirstRoom();
      else
        await Promise.all([
          sync.catchUp(activeRoomId),
          rooms.refreshMembers(activeRoomId),
          rooms.refreshWork(activeRoomId),
        ]);
      posts.retryAll();
    });
  };

  const onAgents = () => {
    const { activeRoomId, rooms: held } = store.getState();
    if (activeRoomId !== null && held[activeRoomId]?.joined === true) void rooms.refreshMembers(activeRoomId);
  };

  const sync = createSync({ store, api, onSessionOver, reload: rooms.reload, onHello, onAgents });

  const openFirstRoom = async () => {
    const held = store.getState().rooms;
    const wanted = new URLSearchParams(window.location.hash.slice(1)).get("room");
    const joined = Object.values(held).filter((room) => room.joined && !room.archived);
    const first =
      joined.find((room) => room.name === "general") ?? joined.find((room) => room.kind !== "direct") ?? joined[0];
    const roomId = wanted !== null && held[wanted] ? wanted : first?.id;
    if (roomId !== undefined) await rooms.openRoom(roomId);
  };

  const begin = (me: MeAnswer) => {
    store.dispatch({ type: "signed_in", me });
    socket?.close();
    socket = openRoomSocket({
      onFrame: (frame) => sync.onFrame(frame),
      onState: (state) => {
        store.dispatch({ type: "connection", state });
        failedConnections = state === "online" ? 0 : failedConnections + (state === "offline" ? 1 : 0);
        // A refused handshake looks like a broken line to a browser; the API tells the two apart.
        if (state === "offline" && failedConnections === 2)
          api.me().catch((error: unknown) => isSessionOver(error) && onSessionOver());
      },
      onSignedOut: onSessionOver,
    });
  };

  const start = async (code?: string): Promise<void> => {
    try {
      begin(await (code === undefined ? api.me() : api.signIn(code)));
    } catch (error) {
      if (code !== undefined) end(signInFailure(error));
      else if (isSessionOver(error)) end();
      else {
        // Whether there is a session is not known, so nobody is asked to sign in again for want of a connection.
        store.dispatch({ type: "unreachable", notice: failureText(error) });
        window.setTimeout(() => void start(), START_RETRY_MS);
      }
    }
  };

  return {
    store,
    api,
    rooms,
    posts,
    start,
    signIn: async (code) => begin(await api.signIn(code)),
    signOut: async () => {
      const done = await attempt("Signing out failed", () => api.signOut().then(() => true));
      if (!done) return;
      clearDrafts();
      end();
    },
    rename: async (name) => store.dispatch({ type: "signed_in", me: await api.renameMe(name) }),
    typing: (roomId, threadRootId) => {
      const place = `${roomId} ${threadRootId}`;
      const nowMs = Date.now();
      if (lastTyping.place === place && nowMs - lastTyping.atMs < TYPING_PAUSE_MS) return;
      lastTyping = { place, atMs: nowMs };
      socket?.send({ type: "typing", roomId, ...(threadRootId === null ? {} : { threadRootId }) });
    },
    reconnect: () => socket?.retryNow(),
  };
}
