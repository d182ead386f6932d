import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** An HTTP server on loopback that knows its connections: how many there were, how many are open, how many bytes it could send. */
export class CountingServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connectionCount = 0;
  #closedBytes = 0;

  private constructor(listener: RequestListener) {
    this.#server = createServer({ keepAliveTimeout: 60_000 }, listener);
    this.#server.on("connection", (socket: Socket) => {
      this.#connectionCount += 1;
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#closedBytes += socket.bytesWritten;
        this.#sockets.delete(socket);
      });
    });
  }

  static async start(listener: RequestListener): Promise<CountingServer> {
    const started = new CountingServer(listener);
    await new Promise<void>((resolve) => started.#server.listen(0, "127.0.0.1", resolve));
    return started;
  }

  get origin(): string {
    // A listening TCP server's address is always of this form.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get sentBytes(): number {
    return [...this.#sockets].reduce((sum, socket) => sum + socket.bytesWritten, this.#closedBytes);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Reads a request's whole body. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // a request without encoding yields buffers
  return Buffer.concat(chunks).toString("utf8");
}

/** Writes as the other side reads, so that a flood costs the sender no memory; resolves to false once the connection is gone. */
export function writeWithPressure(response: ServerResponse, data: string | Uint8Array): Promise<boolean> {
  if (response.destroyed || response.socket?.destroyed !== false) return Promise.resolve(false);
  if (response.write(data)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (isOpen: boolean) => {
      response.off("drain", onDrain);
      response.off("close", onClose);
      resolve(isOpen);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    response.on("drain", onDrain);
    response.on("close", onClose);
  });
}
