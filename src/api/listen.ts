import type { FastifyInstance } from "fastify";
import type { Config } from "../config/config.ts";
import { ParleyError } from "../errors/parley-error.ts";

/** How many ports above the default are tried before giving up. */
const MAX_PORTS_TRIED = 50;
/**
 * Connections that wait to be accepted, as far as the system allows. Node accepts one in each turn of its loop; with its 511 a burst
 * fills the queue, and whoever else knocks then is not heard for a second.
 */
const MAX_WAITING_CONNECTIONS = 4_096;

export interface Listening {
  /** Where it listens, as people of this machine can open it. */
  readonly url: string;
  readonly port: number;
  /** The port that was wanted, when it was taken and another is used. */
  readonly insteadOf: number | undefined;
}

/**
 * Starts listening. A port that somebody chose is taken or refused; the default one gives way to the next free one.
 *
 * Throws CONFIG_INVALID when the address cannot be listened on.
 */
export async function listen(
  server: FastifyInstance,
  web: Pick<Config["web"], "host" | "port" | "portIsDefault">,
): Promise<Listening> {
  const last = web.portIsDefault ? web.port + MAX_PORTS_TRIED : web.port;
  for (let port = web.port; ; port += 1) {
    try {
      await server.listen({ host: web.host, port, backlog: MAX_WAITING_CONNECTIONS });
      const address = server.server.address();
      const actual = address !== null && typeof address === "object" ? address.port : port;
      return { url: addressOf(web.host, actual), port: actual, insteadOf: port === web.port ? undefined : web.port };
    } catch (error) {
      if (isTaken(error) && port < last) continue;
      throw refusal(error, web.host, port);
    }
  }
}

function addressOf(host: string, port: number): string {
  const everywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "[::1]" };
  const name = everywhere[host] ?? (host.includes(":") ? `[${host}]` : host);
  return `http://${name}:${port}`;
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function refusal(error: unknown, host: string, port: number): ParleyError {
  const reason = isTaken(error) ? "another program uses it" : error instanceof Error ? error.message : String(error);
  const fix = "choose another with --port or PARLEY_PORT, and the address with --host or PARLEY_HOST";
  return new ParleyError("CONFIG_INVALID", {
    detail: `cannot listen on ${host} port ${port}: ${reason}; ${fix}`,
    cause: error,
  });
}
