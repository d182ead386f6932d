import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** How a line breaks: as when a machine vanishes, or as when the process at the other end is ended in order. */
export type CutHow = "reset" | "end";

/** A line between an agent and Parley that can be cut: what is under way in either direction is lost. */
export interface CutProxy {
  readonly url: string;
  /** Lines that were opened so far. */
  readonly opened: () => number;
  /** Cuts every open line. Default: by a reset. */
  cut(how?: CutHow): void;
  stop(): Promise<void>;
}

export async function startCutProxy(targetUrl: string): Promise<CutProxy> {
  const { hostname, port } = new URL(targetUrl);
  const open = new Set<Socket>();
  const ending = new Set<Socket>();
  let opened = 0;
  const server = createServer((near) => {
    opened += 1;
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        open.delete(one);
        if (!ending.delete(other)) other.destroy();
      });
      one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // it listens on a port
    opened: () => opened,
    cut(how = "reset") {
      for (const socket of open) {
        if (how === "reset") {
          socket.resetAndDestroy();
          continue;
        }
        ending.add(socket);
        socket.unpipe();
        socket.resume();
        socket.end();
      }
    },
    async stop() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
