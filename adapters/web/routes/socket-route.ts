import type { WebContext } from "../context.ts";
import { defined } from "../defined.ts";
import { sessionOf } from "../guard.ts";
import { SOCKET_CLOSE } from "../protocol.ts";
import { RoomSocket } from "../room-socket.ts";
import type { WebServer } from "../server-plugins.ts";

/** Live changes for the page. The guard has checked cookie and origin before the upgrade. */
export function addSocketRoute(server: WebServer, context: WebContext): void {
  server.get("/socket", { websocket: true }, (webSocket, request) => {
    const session = sessionOf(request);
    const socket = new RoomSocket(webSocket, session);
    if (context.sink() === undefined) {
      socket.close(SOCKET_CLOSE.goingAway, "the server is not running");
      return;
    }
    socket.onFrame(({ roomId, threadRootId }) => {
      if (!socket.rooms.has(roomId)) return;
      const { organizationId, personId } = session;
      // A sign of typing that is lost is no loss.
      context.store.live
        .typing({ organizationId, roomId, personId, ...defined({ threadRootId }) })
        .catch(() => undefined);
    });
    context.hub.accept(socket);
  });
}
