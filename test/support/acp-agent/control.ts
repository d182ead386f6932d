import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** What a scripted ACP agent tells about itself, one JSON line each: the oracle of the tests. */
export type AgentReport =
  | {
      readonly type: "started";
      readonly pid: number;
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
    }
  | { readonly type: "method"; readonly method: string; readonly params: unknown }
  | { readonly type: "prompt"; readonly sessionId: string; readonly params: unknown }
  | { readonly type: "prompt_end"; readonly sessionId: string }
  | { readonly type: "sent"; readonly bytes: number }
  | { readonly type: "forked"; readonly pids: readonly number[] }
  | { readonly type: "answer"; readonly to: string; readonly answer: unknown }
  /** Asks what it is to do now; answered at once, and kept in no report. */
  | { readonly type: "asks" };

interface AgentProcess {
  readonly socket: Socket;
  readonly pid: number;
  readonly prompts: Set<string>;
}

/** The far end of every process of a scripted ACP agent: sets what it does and hears what happened to it. */
export class AcpAgentControl {
  readonly reports: AgentReport[] = [];
  readonly #server: Server;
  readonly #processes = new Set<AgentProcess>();
  #behaviour = "answer";
  sentBytes = 0;
  /** Hears each report as it comes. */
  onReport: (report: AgentReport) => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<AcpAgentControl> {
    const server = createServer();
    const control = new AcpAgentControl(server);
    server.on("connection", (socket) => control.#attend(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return control;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens on a port
  }

  /** Holds for every prompt and session that begins from now on, and reaches those that wait for it. */
  behave(behaviour: string): void {
    this.#behaviour = behaviour;
    for (const { socket } of this.#processes) this.#tell(socket);
  }

  #tell(socket: Socket, isAnswer = false): void {
    socket.write(`${JSON.stringify({ behave: this.#behaviour, isAnswer })}\n`);
  }

  of<Type extends AgentReport["type"]>(type: Type): readonly Extract<AgentReport, { type: Type }>[] {
    return this.reports.filter((report): report is Extract<AgentReport, { type: Type }> => report.type === type);
  }

  /** Prompts that are under way in processes that live. */
  openPrompts(): number {
    return [...this.#processes].reduce((sum, { prompts }) => sum + prompts.size, 0);
  }

  get livePids(): readonly number[] {
    return [...this.#processes].map(({ pid }) => pid);
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#processes) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #attend(socket: Socket): void {
    let process: AgentProcess | undefined;
    this.#tell(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => process && this.#processes.delete(process));
    const lines = createInterface({ input: socket });
    lines.on("error", () => undefined);
    lines.on("line", (line) => {
      const report = JSON.parse(line) as AgentReport; // the agent of this folder writes nothing else
      // What was told just before may still be on its way: by another line than the prompt's.
      if (report.type === "asks") return this.#tell(socket, true);
      this.reports.push(report);
      if (report.type === "started") {
        process = { socket, pid: report.pid, prompts: new Set() };
        this.#processes.add(process);
      } else if (report.type === "prompt") process?.prompts.add(report.sessionId);
      else if (report.type === "prompt_end") process?.prompts.delete(report.sessionId);
      else if (report.type === "sent") this.sentBytes += report.bytes;
      this.onReport(report);
    });
  }
}
