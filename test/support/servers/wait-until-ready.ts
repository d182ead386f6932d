import { setTimeout as delay } from "node:timers/promises";
import type { ServerProcess } from "./server-process.ts";

const READY_TIMEOUT_MS = 30_000;
const PAUSE_MS = 25;

/** Says that the program ended before it was ready, with its own words. */
export class ServerDidNotStart extends Error {
  override readonly name = "ServerDidNotStart";
  /** True when another process holds the port, or the last run of the same server has not fully gone yet. */
  readonly occupied: boolean;

  constructor(command: string, log: string) {
    super(`${command} did not start: ${log}`);
    this.occupied = /in use|already exists|Is another postmaster/i.test(log);
  }
}

/**
 * Resolves when the probe succeeds once; each probe must give up by itself.
 *
 * @throws ServerDidNotStart when the program ends first, or is not ready after 30 s.
 */
export async function waitUntilReady(name: string, server: ServerProcess, probe: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (!server.running) throw new ServerDidNotStart(name, server.logTail());
    try {
      await probe();
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        await server.end("SIGKILL");
        throw new ServerDidNotStart(
          name,
          `not ready after ${READY_TIMEOUT_MS} ms (${String(error)}). ${server.logTail()}`,
        );
      }
      await delay(PAUSE_MS);
    }
  }
}
