import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { createConnector } from "../agents/registry.ts";
import { createSocketConnector, DialInHub, SocketConfig } from "../agents/socket/index.ts";
import { generateWebhookSecret } from "../agents/webhook/index.ts";
import { openAgentGate } from "./api/agent-gate.ts";
import { ownEnvironment } from "./config/own-environment.ts";
import type { ConnectorConfig } from "./contracts/agent-definition.ts";
import type { AgentConnector } from "./contracts/connector.ts";
import type { Logger } from "./contracts/logger.ts";
import { ParleyError } from "./errors/parley-error.ts";
import { createIdSource } from "./ledger/row-ids.ts";

/** Where a development agent is, as its author says it. */
export interface DevelopmentTarget {
  /** An address, or a command with its arguments. */
  readonly words: readonly [string, ...string[]];
  /** Default: of an address what it looks like, of a command `socket`. */
  readonly kind?: string | undefined;
  /** The whole configuration of a connector; nothing else counts then. */
  readonly connector?: ConnectorConfig | undefined;
  /** Of a webhook. Default: a new one, which an agent that checks signatures does not know. */
  readonly secret?: string | undefined;
  /** Token of an A2A or AG-UI agent, key of a model's endpoint. */
  readonly token?: string | undefined;
  readonly model?: string | undefined;
  readonly timeoutMs: number;
  /** Folder that a command is started in; absolute. */
  readonly cwd: string;
  readonly logger: Logger;
}

/** An agent that no Parley has registered, and the connector that reaches it. */
export interface DevelopmentAgent {
  readonly kind: string;
  readonly connector: AgentConnector;
  /** The newest lines that its process has written; empty for one whose output is not read. */
  output(): readonly string[];
  /** Whether it was started for this, with its output read. */
  readonly isStarted: boolean;
  /** What may stand in no log: the token or secret that it has of Parley. */
  readonly secrets: readonly string[];
  /** Kills its process, as a crash would; absent where none was started. */
  readonly crash?: () => void;
  /** Whether its process had to be killed because it did not end when asked to. */
  readonly wasForced?: () => boolean;
  close(): Promise<void>;
}

const AGENT_ID = "agent_development";
/** How long a command may take to dial in: enough for `npx` on a slow line. */
const DIAL_IN_WITHIN_MS = 30_000;
const CARD_WITHIN_MS = 3_000;
const STOP_GRACE_MS = 2_000;
/** How long a turn waits for a process that is gone, in ms; its author looks on. */
const RESUME_WITHIN_MS = 5_000;
const MAX_OUTPUT_LINES = 40;

/** Reaches an agent where its author has it; a command is started, with its own gate to dial in to, and ended with its children by `close`. */
export async function openDevelopmentAgent(target: DevelopmentTarget): Promise<DevelopmentAgent> {
  const [first] = target.words;
  const isAddress = /^https?:\/\//.test(first);
  if (target.connector === undefined && !isAddress && (target.kind ?? "socket") === "socket") return openDialIn(target);
  const config = target.connector ?? (isAddress ? await configOfAddress(first, target) : configOfCommand(target));
  const connector = createConnector(config, {
    source: "config",
    network: { allowPrivateAddresses: true, allowedCidrs: [] },
    idleTimeoutMs: target.timeoutMs,
  });
  const secrets = [target.secret, target.token].filter((secret) => secret !== undefined);
  return { kind: config.kind, connector, output: () => [], isStarted: false, secrets, close: () => connector.close() };
}

async function configOfAddress(
  url: string,
  { kind, secret, token, model }: DevelopmentTarget,
): Promise<ConnectorConfig> {
  const chosen = kind ?? (await guessKind(url));
  switch (chosen) {
    case "webhook":
      return { kind: chosen, url, secret: secret ?? generateWebhookSecret() };
    case "a2a":
      return { kind: chosen, url, ...(token === undefined ? {} : { bearer: token }) };
    case "agui":
      return { kind: chosen, url, ...(token === undefined ? {} : { token }) };
    case "model":
      if (model === undefined)
        throw new ParleyError("REQUEST_INVALID", { detail: "name the model of this endpoint by --model" });
      return { kind: chosen, provider: "openai-compatible", baseUrl: url, model, ...(token && { apiKey: token }) };
    default:
      throw new ParleyError("REQUEST_INVALID", {
        detail: `an agent of the kind ${chosen} has no address; known are webhook, a2a, agui and model`,
      });
  }
}

function configOfCommand({ kind, cwd, words: [command, ...args] }: DevelopmentTarget): ConnectorConfig {
  if (kind === "acp") return { kind, command, args, cwd };
  throw new ParleyError("REQUEST_INVALID", {
    detail: `an agent of the kind ${kind} is no command; known are socket and acp`,
  });
}

/** A base address of models ends with its version; who speaks A2A has a card; everything else is a webhook unless the caller says more. */
async function guessKind(url: string): Promise<string> {
  if (/\/v\d+\/?$/.test(new URL(url).pathname)) return "model";
  if (url.endsWith("agent-card.json")) return "a2a";
  const card = await fetch(new URL("/.well-known/agent-card.json", url), {
    redirect: "manual",
    signal: AbortSignal.timeout(CARD_WITHIN_MS),
  })
    .then((answer) => (answer.ok ? answer.json() : undefined))
    .catch(() => undefined);
  return typeof card === "object" && card !== null ? "a2a" : "webhook";
}

async function openDialIn(target: DevelopmentTarget): Promise<DevelopmentAgent> {
  const token = `development-${randomUUID()}`;
  const principal = {
    tokenId: "development",
    agentId: AGENT_ID,
    organizationId: "development",
    handle: "agent",
    name: "Agent",
  };
  const hub = new DialInHub({
    newId: createIdSource(),
    logger: target.logger,
    book: {
      verify: async (given) => (given === token ? principal : undefined),
      attached: async () => true,
      detached: async () => undefined,
      beat: async (ids) => new Set(ids),
      isElsewhere: () => false,
    },
  });
  const gate = await openAgentGate(hub);
  const started = startCommand(target, { PARLEY_URL: gate.url, PARLEY_TOKEN: token });
  const inner = createSocketConnector(SocketConfig.parse({ kind: "socket", resumeWithinMs: RESUME_WITHIN_MS }), {
    hub,
    agentId: AGENT_ID,
    idleTimeoutMs: target.timeoutMs,
  });
  const close = async (): Promise<void> => {
    await inner.close();
    await hub.close();
    await started.stop();
    await gate.close();
  };
  const deadlineMs = performance.now() + DIAL_IN_WITHIN_MS;
  hub.start();
  while (hub.connectionOf(AGENT_ID) === undefined) {
    const problem = started.ended() ?? (performance.now() > deadlineMs ? "it did not dial in" : undefined);
    if (problem !== undefined) {
      await close();
      const said = started.output().slice(-5).join("\n");
      throw new ParleyError("AGENT_UNAVAILABLE", {
        detail: `${problem}; it must dial in to PARLEY_URL with PARLEY_TOKEN (an agent that speaks ACP needs --kind acp)${said && `\n${said}`}`,
      });
    }
    await delay(20);
  }
  return {
    kind: "socket",
    connector: {
      kind: inner.kind,
      get features() {
        return inner.features;
      },
      check: (signal) => inner.check(signal),
      // A turn of another agent is given to this one.
      invoke: (request, io) => inner.invoke({ ...request, agent: { ...request.agent, agentId: AGENT_ID } }, io),
      close,
    },
    output: () => started.output(),
    isStarted: true,
    secrets: [token],
    crash: () => started.crash(),
    wasForced: () => started.wasForced(),
    close,
  };
}

interface StartedCommand {
  output(): readonly string[];
  crash(): void;
  wasForced(): boolean;
  /** How it ended, in words; undefined while it runs. */
  ended(): string | undefined;
  stop(): Promise<void>;
}

/** Starts the author's own command, with what the author's shell gave and where to dial in, in a process group of its own. */
function startCommand(
  { words: [command, ...args], cwd }: Pick<DevelopmentTarget, "words" | "cwd">,
  more: Readonly<Record<string, string>>,
): StartedCommand {
  const lines: string[] = [];
  const child = spawn(command, args, {
    cwd,
    env: { ...ownEnvironment(), ...more },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (lines.length > MAX_OUTPUT_LINES) lines.shift();
    });
  let end: string | undefined;
  child.on("error", (error) => {
    end = `${command} cannot be started: ${error.message}`;
  });
  const exited = once(child, "exit").then(
    ([code, signal]) => {
      end = `${command} ended (${String(code ?? signal)})`;
    },
    () => undefined,
  );
  let forced = false;
  return {
    output: () => lines,
    crash: () => killGroup(child, "SIGKILL"),
    wasForced: () => forced,
    ended: () => end,
    async stop() {
      if (end !== undefined) return;
      killGroup(child, "SIGTERM");
      await Promise.race([exited, delay(STOP_GRACE_MS, undefined, { ref: false })]);
      forced = end === undefined;
      killGroup(child, "SIGKILL");
      await exited;
    },
  };
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended by itself.
  }
}
