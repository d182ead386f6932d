import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Redis } from "ioredis";
import { ensurePackages } from "./debian-packages.ts";
import { launchServer, relaunchServer } from "./launch-server.ts";
import { serverFolder } from "./server-folder.ts";
import { ServerProcess } from "./server-process.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

const PROBE_TIMEOUT_MS = 1_000;

export interface RedisOptions {
  /** `aof`: every write is in the append-only file before its reply, so that kill9 and restart keep it. Default `none`. */
  readonly persistence?: "none" | "aof";
  /** Default `noeviction`, which is the only one that a queue may run on. */
  readonly maxmemoryPolicy?: "noeviction" | "allkeys-lru" | "volatile-lru";
  /** Default: a free one. */
  readonly port?: number;
  /** Default: a temporary folder, which stop() removes. A given folder stays. */
  readonly dir?: string;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Of the current run: restart changes it. */
  readonly pid: number;
  /** Ends the server for good and removes its temporary folder. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL, resolved when the process is gone; restart() brings the server back. */
  kill9(): Promise<void>;
  /** Ends the server in order if it runs, and starts it again on the same port and folder. */
  restart(): Promise<void>;
}

/**
 * Starts a real redis-server on loopback and resolves when it answers. It dies with this process at the latest.
 *
 * @throws Error that ends with the server's own words when it cannot start (a given port that stays taken, for one).
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { "redis-server": command } = await ensurePackages("redis-server");
  const folder = await serverFolder("redis", options.dir, undefined);

  const settings: Record<string, string> = {
    bind: "127.0.0.1",
    dir: folder.path,
    save: "",
    appendonly: options.persistence === "aof" ? "yes" : "no",
    "maxmemory-policy": options.maxmemoryPolicy ?? "noeviction",
  };

  const start = async (port: number): Promise<ServerProcess> => {
    const server = await ServerProcess.start({
      command,
      args: ["--port", String(port), ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])],
      cwd: folder.path,
      logFile: join(folder.path, `redis-${randomUUID()}.log`),
      orphanSignal: "KILL",
      orphanFolder: folder.temporary ? folder.path : undefined,
    });
    await waitUntilReady("redis-server", server, () => probe(port, server.pid));
    return server;
  };

  const first = await launchServer(start, options.port).catch(async (error: unknown) => {
    await folder.remove();
    throw error;
  });
  const port = first.port;
  let server = first.server;

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid;
    },
    async stop() {
      await server.end("SIGTERM");
      await folder.remove();
    },
    kill9: () => server.end("SIGKILL"),
    async restart() {
      await server.end("SIGTERM");
      server = await relaunchServer(start, port);
    },
  };
}

/** Asks for the process id too: on a port that was taken in the meantime, it is another server that answers. */
async function probe(port: number, pid: number): Promise<void> {
  const client = new Redis({
    host: "127.0.0.1",
    port,
    lazyConnect: true,
    enableReadyCheck: true, // also waits for the append-only file to be loaded
    retryStrategy: () => null,
    connectTimeout: PROBE_TIMEOUT_MS,
    commandTimeout: PROBE_TIMEOUT_MS,
  });
  client.on("error", () => undefined); // the rejected connect() says the same
  try {
    await client.connect();
    const info = await client.info("server");
    if (!info.includes(`process_id:${pid}\r\n`)) throw new Error("another Redis answers on this port");
  } finally {
    client.disconnect();
  }
}
