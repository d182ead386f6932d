import { type ChildProcess, spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(
  new URL("../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js", import.meta.url),
);

/** The command that starts the reference server over its standard input and output. */
export const EVERYTHING_STDIO = { command: process.execPath, args: [PROGRAM, "stdio"] };

/** The reference server of the Model Context Protocol, over streamable HTTP, as it comes from the registry. */
export class EverythingServer {
  readonly url: string;
  readonly #child: ChildProcess;
  #said = "";

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/mcp`;
    this.#child = spawn(process.execPath, [PROGRAM, "streamableHttp"], {
      env: { PORT: String(port) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const output of [this.#child.stdout, this.#child.stderr])
      output?.on("data", (chunk: Buffer) => {
        this.#said += chunk.toString("utf8");
      });
  }

  static async start(): Promise<EverythingServer> {
    const started = new EverythingServer(await freePort());
    const until = Date.now() + 30_000;
    while (!started.#said.includes("listening on port")) {
      if (Date.now() > until || started.#child.exitCode !== null)
        throw new Error(`the server did not start: ${started.#said}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return started;
  }

  /** How often it was told that a session ended. */
  get endedSessions(): number {
    return this.#said.split("Received session termination request").length - 1;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  // A listening TCP server's address is always of this form.
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
