import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";

/** Counts the connections of this process to one port of it. */
export function watchConnections(port: string): { open(): number; stop(): void } {
  const sockets = new Set<Socket>();
  const onSocket = (message: unknown): void => {
    const socket = typeof message === "object" && message !== null && "socket" in message ? message.socket : undefined;
    if (!(socket instanceof Socket)) return;
    socket.once("connect", () => {
      if (String(socket.remotePort) === port) sockets.add(socket);
    });
    socket.once("close", () => sockets.delete(socket));
  };
  subscribe("net.client.socket", onSocket);
  return { open: () => sockets.size, stop: () => void unsubscribe("net.client.socket", onSocket) };
}
