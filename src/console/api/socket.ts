import { API_PREFIX } from "./http.ts";
import { parseServerFrame, type ServerFrame } from "./server-frame.ts";

/** The server's `sync` comes every 15 s, so this much silence means a dead connection. */
const SILENCE_LIMIT_MS = 40_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 20_000;
const SIGNED_OUT_CLOSE = 4401;

export type ConnectionState = "connecting" | "online" | "offline";

export interface RoomSocketHandlers {
  readonly onFrame: (frame: ServerFrame) => void;
  readonly onState: (state: ConnectionState) => void;
  readonly onSignedOut: () => void;
}

export interface RoomSocket {
  /** Offers one frame; dropped while there is no connection, since only typing goes this way. */
  send(frame: { type: "typing"; roomId: string; threadRootId?: string }): void;
  /** Tries again now instead of after the pause. */
  retryNow(): void;
  close(): void;
}

/**
 * Keeps one WebSocket to the web room open until `close()`.
 *
 * Reconnects with a doubling pause (0.5 s to 20 s, half of it random), at once when the browser comes online again, and
 * drops a connection that was silent for 40 s. Whatever was missed is the caller's to read again on `hello`.
 */
export function openRoomSocket(handlers: RoomSocketHandlers): RoomSocket {
  let socket: WebSocket | undefined;
  let attempts = 0;
  let closed = false;
  let retryTimer: number | undefined;
  let silenceTimer: number | undefined;

  const connect = () => {
    window.clearTimeout(retryTimer);
    if (closed) return;
    abandon();
    handlers.onState("connecting");
    const url = new URL(`${API_PREFIX}/socket`, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const current = new WebSocket(url);
    socket = current;
    watchSilence();
    current.onmessage = (event) => {
      if (current !== socket) return;
      watchSilence();
      const frame = parseServerFrame(event.data);
      if (!frame) return;
      if (frame.type === "hello") {
        attempts = 0;
        handlers.onState("online");
      }
      handlers.onFrame(frame);
    };
    current.onclose = (event) => {
      if (current !== socket) return;
      socket = undefined;
      window.clearTimeout(silenceTimer);
      if (closed) return;
      if (event.code === SIGNED_OUT_CLOSE) {
        closed = true;
        handlers.onSignedOut();
      } else retryLater();
    };
  };

  const abandon = () => {
    const old = socket;
    socket = undefined;
    old?.close();
  };

  const retryLater = () => {
    handlers.onState("offline");
    const pauseMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts);
    attempts += 1;
    retryTimer = window.setTimeout(connect, pauseMs / 2 + (Math.random() * pauseMs) / 2);
  };

  const watchSilence = () => {
    window.clearTimeout(silenceTimer);
    silenceTimer = window.setTimeout(() => {
      abandon();
      retryLater();
    }, SILENCE_LIMIT_MS);
  };

  const onOnline = () => {
    attempts = 0;
    if (socket?.readyState !== WebSocket.OPEN) connect();
  };
  window.addEventListener("online", onOnline);
  connect();

  return {
    send: (frame) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    },
    retryNow: onOnline,
    close: () => {
      closed = true;
      window.removeEventListener("online", onOnline);
      window.clearTimeout(retryTimer);
      window.clearTimeout(silenceTimer);
      abandon();
    },
  };
}
