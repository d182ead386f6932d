import { readFile } from "node:fs/promises";

const EVERY_MS = 100;

export interface MemoryWatch {
  /** The largest since it was taken last, in bytes. */
  take(): number;
  /** Looks now. */
  sample(): Promise<void>;
  stop(): void;
}

/** Reads the resident memory of a process ten times a second. */
export function watchMemory(pid: number): MemoryWatch {
  let largest = 0;
  const sample = async (): Promise<void> => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    largest = Math.max(largest, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
  };
  const timer = setInterval(() => void sample(), EVERY_MS);
  return {
    take() {
      const taken = largest;
      largest = 0;
      return taken;
    },
    sample,
    stop: () => clearInterval(timer),
  };
}
