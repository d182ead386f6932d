import { once } from "node:events";
import { createServer } from "node:net";

/** Gives a TCP port that was free on 127.0.0.1 a moment ago; another process may take it before the caller does. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen({ host: "127.0.0.1", port: 0, exclusive: true });
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}
