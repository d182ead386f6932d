import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type PeerName = "bolt" | "chat" | "bullmq";

export interface Peer {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a peer of `subjects/` as a process of its own and resolves when it says that it listens; it ends with this process at the latest. */
export async function startPeer(
  name: PeerName | "discord-js" | "matrix-js-sdk",
  settings: Readonly<Record<string, string | number>>,
): Promise<Peer> {
  const file = fileURLToPath(new URL(`./subjects/${name}.ts`, import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [file, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", NODE_ENV: "production" },
  });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const ended = once(child, "exit").then(() => process.off("exit", killWithUs));
  if (child.stdout === null) throw new Error("standard output is not piped");
  await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended.then((): never => {
      throw new Error(`${name} ended before it was ready`);
    }),
  ]);
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
