import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";

export const ROOT = path.resolve(import.meta.dirname, "../../..");
const LAUNCHER = path.join(ROOT, "src/cli/parley.mjs");

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  readonly input?: string;
  /** Options of Node itself. */
  readonly nodeArgs?: readonly string[];
  readonly launcher?: string;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the real command line as a process of its own, with nothing of this process's environment but the path. */
export function spawnParley(args: readonly string[], options: RunOptions): ChildProcess & { ended: Promise<Ended> } {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), options.launcher ?? LAUNCHER, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.input ?? "");
  const ended = Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({
      code: typeof code === "number" ? code : null,
      stdout,
      stderr,
    }),
  );
  return Object.assign(child, { ended });
}

/** Runs a command to its end. */
export function runParley(args: readonly string[], options: RunOptions): Promise<Ended> {
  return spawnParley(args, options).ended;
}
