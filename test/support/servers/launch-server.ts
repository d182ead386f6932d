import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import type { ServerProcess } from "./server-process.ts";
import { ServerDidNotStart } from "./wait-until-ready.ts";

const ATTEMPTS = 50;
const PAUSE_MS = 200;

/**
 * Starts a server on a free port and resolves when it is ready; a port that another process takes first is replaced by
 * the next. A port that the caller chose is tried once.
 */
export async function launchServer(
  start: (port: number) => Promise<ServerProcess>,
  chosenPort?: number,
): Promise<{ readonly server: ServerProcess; readonly port: number }> {
  if (chosenPort !== undefined) return { server: await start(chosenPort), port: chosenPort };
  return retryWhileOccupied(async () => {
    const port = await freePort();
    return { server: await start(port), port };
  }, 0);
}

/**
 * Starts a server again on its own port. Children of a killed postmaster hold the port and the shared memory until they
 * notice, so an occupied port is waited for, up to ten seconds.
 */
export function relaunchServer(start: (port: number) => Promise<ServerProcess>, port: number): Promise<ServerProcess> {
  return retryWhileOccupied(() => start(port), PAUSE_MS);
}

async function retryWhileOccupied<T>(start: () => Promise<T>, pauseMs: number): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof ServerDidNotStart && error.occupied) || attempt >= ATTEMPTS) throw error;
      await delay(pauseMs);
    }
  }
}
