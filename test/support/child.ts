import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface Child {
  readonly pid: number;
  /** Everything it has printed so far, by line. */
  lines(): string[];
  /** Resolves with the first line, as soon as it is there. */
  firstLine(): Promise<string>;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
}

/** Runs a file under the same Node; it is killed at the end of the test at the latest. */
export async function runFile(url: URL, ...args: string[]): Promise<Child> {
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(url), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child, "spawn");
  let text = "";
  const printed = new EventTarget();
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    printed.dispatchEvent(new Event("line"));
  });
  const exited = once(child, "exit");
  const lines = (): string[] => text.split("\n").slice(0, -1);
  const kill9 = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  };
  onTestFinished(kill9);
  return {
    pid: child.pid ?? 0,
    lines,
    async firstLine() {
      for (;;) {
        const [line] = lines();
        if (line !== undefined) return line;
        await Promise.race([once(printed, "line"), exited]);
        if (lines().length === 0) throw new Error("the process ended without a word");
      }
    },
    kill9,
  };
}
