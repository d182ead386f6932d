import { inspect } from "node:util";

/** Runs the work and resolves with what it resolved with, and everything that anybody printed meanwhile. */
export async function whilePrinting(run: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const printed: string[] = [];
  const streams = [process.stdout, process.stderr] as const;
  const originals = streams.map((stream) => Reflect.get(stream, "write"));
  const methods = ["log", "info", "warn", "error", "debug"] as const;
  const originalMethods = methods.map((method) => console[method]);
  const keep = (...values: readonly unknown[]): void =>
    void printed.push(
      values.map((value) => (typeof value === "string" ? value : inspect(value, { depth: 10 }))).join(" "),
    );
  for (const method of methods) console[method] = keep;
  for (const stream of streams) {
    stream.write = (chunk: unknown) => {
      keep(chunk);
      return true;
    };
  }
  try {
    return [...(await run()), ...printed];
  } finally {
    streams.forEach((stream, index) => {
      const original = originals[index];
      if (original !== undefined) stream.write = original;
    });
    methods.forEach((method, index) => {
      const original = originalMethods[index];
      if (original !== undefined) console[method] = original;
    });
  }
}
