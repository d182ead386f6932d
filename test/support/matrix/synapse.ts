import { randomBytes, randomUUID } from "node:crypto";
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { launchServer, relaunchServer } from "../servers/launch-server.ts";
import { ServerProcess } from "../servers/server-process.ts";
import { waitUntilReady } from "../servers/wait-until-ready.ts";
import { type MatrixAccount, type NewAccount, registerAccount } from "./accounts.ts";
import { type SynapseOptions, synapseConfig, synapseLogConfig } from "./synapse-config.ts";
import { ensureSynapse } from "./synapse-system.ts";

const PROBE_TIMEOUT_MS = 2_000;
/** `nobody`, in Debian: the server may write to its own folder and nowhere else. */
const NOBODY = 65_534;

export interface Synapse {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  readonly serverName: string;
  readonly port: number;
  /** Of the current run: restart changes it. */
  readonly pid: number;
  /** Makes an account and logs it in on a device of its own. */
  register(account?: NewAccount): Promise<MatrixAccount>;
  /** Ends the server in order; restart() brings it back with everything it knew. */
  halt(): Promise<void>;
  /** SIGKILL, resolved when the process is gone; restart() brings the server back. */
  kill9(): Promise<void>;
  /** Ends the server in order if it runs, and starts it again on the same port and folder. */
  restart(): Promise<void>;
  /** The server's own words of all its runs. */
  log(): Promise<string>;
  /** Ends the server for good and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a real Synapse on loopback with an empty database and resolves when it answers. It dies with this process at
 * the latest. It takes about 5 s and 130 MB; share one between tests where they can keep apart by accounts and rooms.
 *
 * @throws Error of one line when Synapse cannot be installed here, or with the server's own words when it cannot start.
 */
export async function startSynapse(options: SynapseOptions = {}): Promise<Synapse> {
  const root = await ensureSynapse();
  await mkdir(join(root, "srv"), { recursive: true });
  const path = await mkdtemp(join(root, "srv", "parley-"));
  const folder = path.slice(root.length);
  const logFile = join(path, "synapse.log");
  const secret = randomBytes(18).toString("hex");
  const registrations: string[] = [];
  const write = (name: string, text: string): Promise<void> => writeFile(join(path, name), text);
  await write("signing.key", `ed25519 a_${randomUUID().slice(0, 4)} ${unpadded(randomBytes(32))}\n`);
  await write("log.yaml", synapseLogConfig(options.logLevel));
  for (const [index, text] of (options.applicationServices ?? []).entries()) {
    await write(`as-${index}.yaml`, text);
    registrations.push(`${folder}/as-${index}.yaml`);
  }
  await chown(path, NOBODY, NOBODY);

  const start = async (port: number): Promise<ServerProcess> => {
    await write("homeserver.yaml", synapseConfig(options, { folder, port, secret, registrations }));
    const program = ["python3", "-m", "synapse.app.homeserver", "-c", `${folder}/homeserver.yaml`];
    const server = await ServerProcess.start({
      command: "chroot",
      args: [
        `--userspec=${NOBODY}:${NOBODY}`,
        root,
        "/usr/bin/env",
        "-i",
        "PATH=/usr/bin:/bin",
        "LANG=C.UTF-8",
        ...program,
      ],
      cwd: "/",
      logFile,
      orphanSignal: "KILL",
      orphanFolder: path,
    });
    await waitUntilReady("synapse", server, () => probe(port));
    return server;
  };

  const remove = (): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  const first = await launchServer(start, options.port).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const { port } = first;
  let { server } = first;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    serverName: options.serverName ?? "parley.test",
    port,
    get pid() {
      return server.pid;
    },
    register: (account) => registerAccount(url, secret, account),
    halt: () => server.end("SIGTERM"),
    kill9: () => server.end("SIGKILL"),
    async restart() {
      await server.end("SIGTERM");
      server = await relaunchServer(start, port);
    },
    log: () => readFile(logFile, "utf8"),
    async stop() {
      await server.end("SIGTERM");
      await remove();
    },
  };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/u, "");
}

async function probe(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  if ((await answer.text()) !== "OK") throw new Error(`something else answers on this port: ${answer.status}`);
}
