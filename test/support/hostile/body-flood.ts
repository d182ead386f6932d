import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface BodyFloodOptions {
  readonly port: number;
  /** Connections whose headers or bodies drip in at a byte a second. */
  readonly drips: number;
  /** Bodies of 1 GiB, sent in chunks as fast as they are taken. */
  readonly streams: number;
}

export interface BodyFloodReport {
  opened: number;
  /** How many are open at this moment. */
  open: number;
  /** How many the server ended. */
  putOut: number;
  /** Of those, how many got which status; `cut off` for none. */
  refused: Record<string, number>;
  sentBytes: number;
  /** The most that went out of one endless body, in bytes: what was taken and what lay in the kernel's buffers. */
  longestBytes: number;
}

export interface BodyFlood {
  report(): Promise<BodyFloodReport>;
  stop(): Promise<BodyFloodReport>;
}

/** Begins to take up a server with slow and endless requests, from a thread of its own; whoever is put out comes back. */
export async function startBodyFlood(options: BodyFloodOptions): Promise<BodyFlood> {
  const worker = new Worker(new URL("./body-flood-worker.ts", import.meta.url), { workerData: options });
  await once(worker, "online");
  const ask = async (what: "report" | "stop"): Promise<BodyFloodReport> => {
    const answered = once(worker, "message");
    worker.postMessage(what);
    const [report] = await answered;
    return report as BodyFloodReport; // posted by the worker
  };
  return {
    report: () => ask("report"),
    async stop() {
      const gone = once(worker, "exit");
      const report = await ask("stop");
      await gone;
      return report;
    },
  };
}
