import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { AcpConfig, type AcpConnectorOptions, createAcpConnector } from "../../../agents/acp/index.ts";
import type { AgentConnector, TurnIo, TurnRequest } from "../../../src/contracts/connector.ts";
import type { TurnSession } from "../../../src/contracts/turn-session.ts";
import { collect, type Outcome } from "../agents/collect.ts";
import { message, turnIo, turnRequest } from "../agents/turn-fixtures.ts";
import { AcpAgentControl } from "./control.ts";

const AGENT = fileURLToPath(new URL("main.ts", import.meta.url));

export interface AcpScene {
  readonly control: AcpAgentControl;
  readonly folder: string;
  /** A connector to the scripted agent; closed at the end of the test. */
  readonly create: (config?: Readonly<Record<string, unknown>>, options?: AcpConnectorOptions) => AgentConnector;
  /** One turn that says something, to its end. */
  readonly ask: (
    connector: AgentConnector,
    text: string,
    options?: { readonly request?: Partial<TurnRequest>; readonly io?: Partial<TurnIo> },
  ) => Promise<Outcome>;
}

/** A scripted ACP agent with these capabilities, which keeps its sessions in a file of the test's folder. */
export async function acpScene(capabilities: unknown = {}): Promise<AcpScene> {
  const control = await AcpAgentControl.start();
  const folder = await mkdtemp(join(tmpdir(), "parley-acp-"));
  const made: AgentConnector[] = [];
  onTestFinished(async () => {
    await Promise.all(made.map((connector) => connector.close()));
    await control.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const command = [process.execPath, AGENT, String(control.port), JSON.stringify(capabilities), join(folder, "state")];
  return {
    control,
    folder,
    create(config = {}, options = {}) {
      const [program, ...args] = command;
      const connector = createAcpConnector(
        AcpConfig.parse({ kind: "acp", command: program, args, cwd: folder, ...config }),
        options,
      );
      made.push(connector);
      return connector;
    },
    ask: (connector, text, { request = {}, io = {} } = {}) =>
      collect(connector.invoke(turnRequest({ trigger: message({ text }), ...request }), { ...turnIo(), ...io })),
  };
}

/** What a connector remembers, as the ledger would keep it: one text that outlives connectors. */
export function keptSession(): TurnSession & { readonly written: () => string | undefined } {
  let text: string | undefined;
  return {
    written: () => text,
    read: async () => text,
    write: async (value) => {
      text = value;
    },
  };
}

/** Whether a process is there; one that was killed and waits for its parent to look is not. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}
