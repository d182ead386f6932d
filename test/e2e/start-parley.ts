import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface RunningParley {
  readonly url: string;
  /** Signs the owner in, once. */
  readonly signInLink: string;
  /** What it has logged so far. */
  logged(): string;
  /** Ends the process without warning, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  dispose(): Promise<void>;
}

/** The module of an agent's function; default for `channels`: all of them. */
type E2eAgent = URL | { readonly module: URL; readonly channels: readonly string[] };

/**
 * Starts Parley as `npm start` does: page built when its sources changed, then `parley start` on an embedded ledger in a new folder.
 *
 * `agents` are modules whose default export is an agent function, by handle; the built-in agents come with it.
 */
export async function startParley(
  agents: Readonly<Record<string, E2eAgent>>,
  logLevel: "warn" | "debug" = "warn",
): Promise<RunningParley> {
  await run(["deploy/tooling/build-page.ts"]);
  const folder = await mkdtemp(join(tmpdir(), "parley-e2e-"));
  await writeFile(join(folder, "parley.config.mjs"), configText(agents));
  let log = "";
  const start = (port: string) => launch(folder, port, { logLevel, toLog: (text) => (log += text) });
  let parley = await start("0");
  return {
    url: parley.url,
    signInLink: parley.signInLink,
    logged: () => log,
    kill: () => parley.kill("SIGKILL"),
    async restart() {
      parley = await start(new URL(parley.url).port);
    },
    async dispose() {
      await parley.kill("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configText(agents: Readonly<Record<string, E2eAgent>>): string {
  const declared = Object.entries(agents).map(([handle, agent]) => ({
    handle,
    name: handle.charAt(0).toUpperCase() + handle.slice(1),
    connector: { kind: "function", module: (agent instanceof URL ? agent : agent.module).href },
    ...(agent instanceof URL ? {} : { channels: agent.channels }),
  }));
  return `export default ${JSON.stringify({ agents: declared })};\n`;
}

async function launch(
  folder: string,
  port: string,
  { logLevel, toLog }: { readonly logLevel: string; readonly toLog: (text: string) => void },
) {
  const child = spawn(
    process.execPath,
    [join(root, "src/cli/parley.ts"), "start", "--json", "--port", port, "--config", join(folder, "parley.config.mjs")],
    {
      cwd: folder,
      env: { PATH: process.env["PATH"], PARLEY_DATA: join(folder, "data"), PARLEY_LOG_LEVEL: logLevel },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  child.stderr.setEncoding("utf8").on("data", toLog);
  if (logLevel === "warn") child.stderr.pipe(process.stderr);
  const ended = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then(([code]) => Promise.reject(new Error(`Parley ended with ${code} before it was ready`))),
  ]);
  const { url, signInLink } = parseStarted(String(line));
  return {
    url,
    signInLink,
    async kill(signal: "SIGKILL" | "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

function parseStarted(line: string): { url: string; signInLink: string } {
  const started: unknown = JSON.parse(line);
  if (typeof started !== "object" || started === null) throw new Error(`no start message: ${line}`);
  const url: unknown = Reflect.get(started, "url");
  const signInLink: unknown = Reflect.get(started, "signInLink");
  if (typeof url !== "string" || typeof signInLink !== "string") throw new Error(`no addresses in: ${line}`);
  return { url, signInLink };
}

async function run(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`);
}
