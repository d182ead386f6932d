import { type ChildProcessByStdio, spawn } from "node:child_process";
import { homedir } from "node:os";
import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { MCPTransport } from "@ai-sdk/mcp";
import { validateJSONRPCMessage } from "@ai-sdk/mcp";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { readJsonLines } from "../../shared/bounded-body.ts";
import { describeThrown } from "../../shared/describe-fault.ts";
import type { StdioServer } from "../config.ts";
import { MAX_MCP_ANSWER_BYTES } from "./fetch.ts";

type Message = Parameters<NonNullable<MCPTransport["onmessage"]>>[0];

/** How long a program has to end by itself before it is killed, in ms. */
const GRACE_MS = 2_000;
/** Most bytes that a program may write in one turn. */
const MAX_TURN_BYTES = 8 * MAX_MCP_ANSWER_BYTES;

/**
 * A server that is a program of this machine, started for one turn: in a process group of its own, with a clean environment, bounded in what it says.
 *
 * Its standard error is dropped; it may quote what it was asked.
 */
export class StdioTransport implements MCPTransport {
  readonly #server: StdioServer;
  readonly #folder: string;
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: Message) => void;

  constructor(server: StdioServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  start(): Promise<void> {
    const { command, args, env } = this.#server;
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd: this.#folder,
        env: { PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`, HOME: homedir(), ...env },
        stdio: ["pipe", "pipe", "ignore"],
        detached: true,
      });
      this.#child = child;
      child.once("spawn", resolve);
      child.once("error", (error) => reject(new ParleyError("AGENT_UNAVAILABLE", { detail: describeThrown(error) })));
      child.once("close", () => this.#end(new ParleyError("AGENT_CRASHED", { detail: "the program ended" })));
      child.stdin.on("error", () => undefined);
      void this.#read(child.stdout);
    });
  }

  async send(message: Message): Promise<void> {
    if (this.#child === undefined) throw new ParleyError("AGENT_UNAVAILABLE", { detail: "the program has ended" });
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async close(): Promise<void> {
    this.#end(undefined);
  }

  async #read(output: Readable): Promise<void> {
    try {
      for await (const line of readJsonLines(output, MAX_TURN_BYTES)) this.onmessage?.(validateJSONRPCMessage(line));
    } catch (thrown) {
      this.#end(
        thrown instanceof ParleyError
          ? thrown
          : new ParleyError("AGENT_REPLY_INVALID", { detail: describeThrown(thrown) }),
      );
    }
  }

  #end(error: ParleyError | undefined): void {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    if (error !== undefined) this.onerror?.(error);
    signalGroup(child.pid, "SIGTERM");
    if (child.exitCode === null) {
      const timer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), GRACE_MS);
      timer.unref();
      child.once("close", () => clearTimeout(timer));
    }
    this.onclose?.();
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}
