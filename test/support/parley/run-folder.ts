import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigInput } from "../../../src/config/schema.ts";

/** A temporary folder with a `parley.config.ts` and room for the data of the processes that are started in it. */
export interface RunFolder {
  readonly path: string;
  readonly dataFolder: string;
  remove(): Promise<void>;
}

/** The agents of a run: `echo`, which comes first and so answers where nobody is named, and whatever else a scenario declares. */
export type RunAgents = NonNullable<ConfigInput["agents"]>;

const ECHO: RunAgents[number] = {
  handle: "echo",
  name: "Echo",
  description: "Quotes the question.",
  connector: { kind: "function", module: new URL("./agents/echo.ts", import.meta.url).href },
};

/** Writes the configuration that every process of a run reads; settings apart from agents come by the environment. */
export async function createRunFolder(
  options: { agents?: RunAgents; echo?: Partial<RunAgents[number]>; lateEffectMs?: number } = {},
): Promise<RunFolder> {
  const path = await mkdtemp(join(tmpdir(), "parley-run-"));
  const config: ConfigInput = {
    agents: [{ ...ECHO, ...options.echo }, ...(options.agents ?? [])],
    limits: { drainTimeoutMs: 5_000 },
    // Stand-ins carry out late only what a run tells them to, by a second.
    pipeline: { lateEffectMs: options.lateEffectMs ?? 1_500 },
  };
  await writeFile(join(path, "parley.config.ts"), `export default ${JSON.stringify(config, undefined, 2)};\n`);
  return {
    path,
    dataFolder: join(path, "data"),
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
