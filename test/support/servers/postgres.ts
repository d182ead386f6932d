import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { ensurePackages } from "./debian-packages.ts";
import { findBinary, postgresFolders } from "./find-binary.ts";
import { launchServer, relaunchServer } from "./launch-server.ts";
import { serverFolder } from "./server-folder.ts";
import { ServerProcess } from "./server-process.ts";
import { unprivilegedUser } from "./unprivileged-user.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

const run = promisify(execFile);

const PROBE_TIMEOUT_MS = 2_000;

const STOP_SIGNALS = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const;

/**
 * PostgreSQL's own words: `smart` waits for the sessions to end, `fast` ends them and checkpoints, `immediate` aborts
 * so that the next start recovers from the log.
 */
export type PostgresStopMode = keyof typeof STOP_SIGNALS;

export interface PostgresOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Default: a temporary folder, which stop() removes. A given folder stays, and is used again when it holds a cluster. */
  readonly dir?: string;
  /**
   * Default false: commits survive any death of the server (they are in the kernel's cache), but not one of the
   * machine. True costs a disk flush per commit, as in production.
   */
  readonly fsync?: boolean;
  /** Further server settings, such as `{ max_connections: "20" }`; they win over the kit's. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface PostgresServer {
  /** Of the database `postgres`, with a superuser and no password (loopback only). */
  readonly url: string;
  readonly port: number;
  /** Of the postmaster of the current run: restart changes it. */
  readonly pid: number;
  /** Ends the server for good and removes its temporary folder. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL to the postmaster, whose children then end by themselves; restart() brings the server back. */
  kill9(): Promise<void>;
  /** Ends the server by the mode (default `fast`) if it runs, and starts it again on the same port and folder. */
  restart(mode?: PostgresStopMode): Promise<void>;
  /** Creates an empty database, by default of a unique name, and gives its URL. */
  createDatabase(name?: string): Promise<string>;
}

/**
 * Starts a real PostgreSQL on loopback and resolves when it answers. It dies with this process at the latest.
 * As root it runs as an unprivileged user, who then owns its folder.
 *
 * @throws Error that ends with the server's own words when it cannot start (a given port that stays taken, for one).
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { postgresql: command } = await ensurePackages("postgresql");
  const user = unprivilegedUser();
  const folder = await serverFolder("postgres", options.dir, user);
  const data = join(folder.path, "data");
  if (!existsSync(join(data, "PG_VERSION"))) {
    const initdb = findBinary(["initdb"], [dirname(command), ...postgresFolders()]) ?? "initdb";
    await run(
      initdb,
      ["-D", data, "--no-sync", "--no-instructions", "-A", "trust", "-U", "postgres", "--locale=C", "-E", "UTF8"],
      { cwd: folder.path, ...(user && { uid: user.uid, gid: user.gid }) },
    );
  }

  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "300",
    shared_buffers: "64MB",
    jit: "off",
    ...(options.fsync ? {} : { fsync: "off", full_page_writes: "off" }),
    ...options.settings,
  };

  const start = async (port: number): Promise<ServerProcess> => {
    const server = await ServerProcess.start({
      command,
      args: [
        "-D",
        data,
        "-p",
        String(port),
        ...Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
      ],
      cwd: folder.path,
      logFile: join(folder.path, `postgres-${randomUUID()}.log`),
      user,
      orphanSignal: "QUIT",
      orphanFolder: folder.temporary ? folder.path : undefined,
    });
    await waitUntilReady("postgres", server, () => probe(port, data));
    return server;
  };

  const first = await launchServer(start, options.port).catch(async (error: unknown) => {
    await folder.remove();
    throw error;
  });
  const port = first.port;
  let server = first.server;
  const urlOf = (database: string): string => `postgres://postgres@127.0.0.1:${port}/${encodeURIComponent(database)}`;

  return {
    url: urlOf("postgres"),
    port,
    get pid() {
      return server.pid;
    },
    async stop() {
      await server.end("SIGINT");
      await folder.remove();
    },
    kill9: () => server.end("SIGKILL"),
    async restart(mode = "fast") {
      await server.end(STOP_SIGNALS[mode]);
      server = await relaunchServer(start, port);
    },
    async createDatabase(name = `test_${randomUUID().replaceAll("-", "")}`) {
      await createDatabase(urlOf("postgres"), name);
      return urlOf(name);
    },
  };
}

/** Creates an empty database on the server of this URL. */
export async function createDatabase(serverUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** Asks for the folder too: on a port that was taken in the meantime, it is another server that answers. */
async function probe(port: number, data: string): Promise<void> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port,
    user: "postgres",
    database: "postgres",
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  });
  client.on("error", () => undefined); // a connection that the server drops is a failed probe, not a crash
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>("SHOW data_directory");
    if (rows[0]?.data_directory !== data) throw new Error("another PostgreSQL answers on this port");
  } finally {
    await client.end().catch(() => undefined);
  }
}
