import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AimockConfig } from "@copilotkit/aimock";
import { freePort } from "../servers/index.ts";

const PROGRAM = fileURLToPath(new URL("../../../node_modules/@copilotkit/aimock/dist/aimock-cli.js", import.meta.url));

/** The server that the makers of AG-UI test clients with, as it comes from the registry, in a process of its own: models, AG-UI and A2A. */
export interface AimockProcess {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts it with what it is to answer: `fixtures` for models, the rest by its own config. */
export async function startAimock(config: AimockConfig, fixtures: readonly unknown[]): Promise<AimockProcess> {
  const folder = await mkdtemp(join(tmpdir(), "parley-aimock-"));
  await writeFile(join(folder, "models.json"), JSON.stringify({ fixtures }));
  await writeFile(
    join(folder, "aimock.json"),
    JSON.stringify({ ...config, llm: { ...config.llm, fixtures: join(folder, "models.json") } }),
  );
  const port = await freePort();
  const child = spawn(process.execPath, [PROGRAM, "--config", join(folder, "aimock.json"), "--port", String(port)], {
    cwd: folder,
    env: {},
    stdio: ["ignore", "pipe", "pipe"],
  });
  await untilItListens(child);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function untilItListens(child: ChildProcess): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString("utf8");
      if (said.includes("server listening on")) resolve();
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.once("exit", () => reject(new Error(`aimock ended: ${said}`)));
  });
}
