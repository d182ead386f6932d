import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";
import { RoomSocket } from "../../../adapters/web/room-socket.ts";

const SESSION = {
  sessionId: "s1",
  organizationId: "acme",
  personId: "u1",
  personName: "Mara",
  role: "member",
  userAgent: "",
  createdAt: "",
  lastSeenAt: "",
  expiresAt: "",
} as const;

async function connect(options: ClientOptions = {}): Promise<{ socket: RoomSocket; client: WebSocket }> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, "listening");
  // The server listens on a port, not on a path.
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}`, options);
  const [[accepted]] = await Promise.all([once(server, "connection"), once(client, "open")]);
  return { socket: new RoomSocket(accepted, SESSION), client };
}

describe("RoomSocket", () => {
  it("ends a connection that left two pings unanswered, and keeps one that answers", async () => {
    const silent = await connect({ autoPong: false });
    const closed = once(silent.client, "close");
    for (let i = 0; i < 3; i += 1) silent.socket.ping();
    await closed;
    const lively = await connect();
    for (let i = 0; i < 5; i += 1) {
      const pinged = once(lively.client, "ping");
      lively.socket.ping();
      await pinged;
      // The answer is on its way back: what comes after it shows that it came.
      const answered = new Promise((resolve) => lively.socket.onFrame(resolve));
      lively.client.send(JSON.stringify({ type: "typing", roomId: "r" }));
      await answered;
    }
    expect(lively.client.readyState).toBe(WebSocket.OPEN);
  });

  it("sends nothing once it is closing, and cuts off a client that does not answer the close", async () => {
    const { socket, client } = await connect();
    const received: string[] = [];
    client.on("message", (data: Buffer) => received.push(data.toString()));
    client.pause();
    const closed = new Promise<void>((resolve) => socket.onClose(resolve));
    socket.close(4401, "signed out");
    socket.close(4401, "signed out");
    socket.send({ type: "read", roomId: "r", seq: 1 });
    await closed;
    client.resume();
    await once(client, "close");
    expect(received).toEqual([]);
  });
});
