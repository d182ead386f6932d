import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { cleanEnvironment, MARK_NAME } from "./environment.ts";
import { GUARDIAN } from "./guardian.ts";
import { StderrCount, type StderrSummary } from "./stderr-count.ts";

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Gets what the agent writes to its error stream, beside being counted. Default: nobody does. */
  readonly onStderr?: ((bytes: Uint8Array) => void) | undefined;
}

/** How a process ended; `failedToStart` is the system's own code, such as ENOENT. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly failedToStart?: string;
}

/** Longest wait for a killed process to be gone, in ms; one that hangs in the kernel must not hold up a close. */
const KILL_WAIT_MS = 2_000;

/**
 * One process of an agent in a session and group of its own, with everything it starts.
 *
 * Guarantees that none of them outlives `kill`, nor this process, however it ends (see GUARDIAN). Never throws.
 */
export class AgentChild {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the process is gone. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #mark = randomBytes(12).toString("hex");
  readonly #stderr = new StderrCount();
  #killing: Promise<void> | undefined;

  constructor(options: ChildOptions) {
    const child = spawn("/bin/sh", ["-c", GUARDIAN, "parley-agent", options.command, ...options.args], {
      cwd: options.cwd,
      env: cleanEnvironment(options.cwd, options.env, this.#mark),
      detached: true,
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    }) as ChildProcessByStdio<Writable, Readable, Readable>; // the first three are pipes, as asked for above
    this.#child = child;
    this.stdin = child.stdin;
    this.stdout = child.stdout;
    // A pipe to a process that has gone fails when it is written to; that it has gone is told by `ended`.
    for (const stream of [child.stdin, child.stdout, child.stderr, child.stdio[3]])
      stream?.on("error", () => undefined);
    child.stderr.on("data", (bytes: Buffer) => {
      this.#stderr.push(bytes);
      options.onStderr?.(bytes);
    });
    this.ended = new Promise((resolve) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        resolve({ exitCode: null, signal: null, failedToStart: error.code ?? "unknown" }),
      );
      child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  stderr(): StderrSummary {
    return this.#stderr.summary();
  }

  /** Ends the process and everything it started, at once. May be called twice. */
  kill(): Promise<void> {
    this.#killing ??= this.#killTree();
    return this.#killing;
  }

  async #killTree(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined) return;
    // The group's id cannot be taken by others while the guardian is in it, whether or not the agent still runs.
    killQuietly(-pid);
    for (const escaped of await processesMarked(`${MARK_NAME}=${this.#mark}`)) killQuietly(escaped);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, KILL_WAIT_MS);
    });
    await Promise.race([this.ended, late]);
    clearTimeout(timer);
    for (const stream of this.#child.stdio) stream?.destroy();
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Processes whose environment holds the mark: those that left the group. None where the system shows no environments. */
async function processesMarked(mark: string): Promise<readonly number[]> {
  const entries = await readdir("/proc").catch((): string[] => []);
  const pids = entries.filter((entry) => /^\d+$/.test(entry)).map(Number);
  const marked = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      return environment.split("\u0000").includes(mark) ? [pid] : [];
    }),
  );
  return marked.flat();
}
