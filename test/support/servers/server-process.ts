import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { UnprivilegedUser } from "./unprivileged-user.ts";

const STOP_TIMEOUT_MS = 20_000;
const LOG_TAIL_BYTES = 4_000;

/**
 * Waits on a pipe from the test process. When that process ends without having written "released" (it was killed, or
 * forgot), the pipe closes, and the server and its temporary folder go too. A shell does it on every POSIX system.
 */
const WATCHDOG = `
read -r line
[ "$line" = released ] && exit 0
kill -s "$2" "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL "$1" 2>/dev/null
[ -n "$3" ] && rm -rf "$3"
exit 0
`;

export interface ServerProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly cwd: string;
  readonly user?: UnprivilegedUser | undefined;
  /** What the watchdog sends when the test process is gone. */
  readonly orphanSignal: "KILL" | "QUIT";
  /** Removed by the watchdog after that. */
  readonly orphanFolder?: string | undefined;
}

/** One run of a server program, which ends at the latest with the process that started it. */
export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, pid: number, logFile: string) {
    this.#child = child;
    this.pid = pid;
    this.#logFile = logFile;
    this.#exited = once(child, "exit");
  }

  /** Starts the program with its output appended to the log file; resolves when it runs, not when it is ready. */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const log = openSync(options.logFile, "a");
    try {
      // Detached: a Ctrl-C in the terminal is for the test run, which then stops its servers in order.
      const child = spawn(options.command, options.args, {
        cwd: options.cwd,
        detached: true,
        stdio: ["ignore", log, log],
        ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
      });
      await once(child, "spawn");
      if (child.pid === undefined) throw new Error(`${options.command} has no process id`);
      const server = new ServerProcess(child, child.pid, options.logFile);
      server.#watch(options);
      child.unref();
      return server;
    } finally {
      closeSync(log);
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends the signal and waits for the end; after 20 s the process is killed. Does nothing when it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return;
    this.#child.ref();
    this.#child.kill(signal);
    const abort = new AbortController();
    const late = delay(STOP_TIMEOUT_MS, undefined, { signal: abort.signal }).then(
      () => this.#child.kill("SIGKILL"),
      () => undefined,
    );
    await this.#exited;
    abort.abort();
    await late;
  }

  /** The end of the program's own log, for error messages. */
  logTail(): string {
    return readFileSync(this.#logFile, "utf8").slice(-LOG_TAIL_BYTES).trim();
  }

  #watch(options: ServerProcessOptions): void {
    const args = ["-c", WATCHDOG, "watchdog", String(this.pid), options.orphanSignal, options.orphanFolder ?? ""];
    const watchdog = spawn("/bin/sh", args, { detached: true, stdio: ["pipe", "ignore", "ignore"], cwd: "/" });
    watchdog.stdin.on("error", () => undefined); // it may be gone already when it is released
    watchdog.unref();
    // The pipe must stay open without keeping this process alive. At run time it is a socket, which has unref.
    if ("unref" in watchdog.stdin && typeof watchdog.stdin.unref === "function") watchdog.stdin.unref();
    this.#child.once("exit", () => watchdog.stdin.end("released\n"));
  }
}
