import { once } from "node:events";
import { createServer } from "node:net";

/** Below the range that systems give to outgoing connections (32768 and up on Linux), so that none of those takes it meanwhile. */
const LOWEST = 15_000;
const HIGHEST = 32_000;
const TRIES = 50;

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let n = 0; n < TRIES; n += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found in ${TRIES} tries`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host: "127.0.0.1", port, exclusive: true });
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
