import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AcpConfig, createAcpConnector } from "../agents/acp/index.ts";
import { type AgentTurn, connectAgent, type TurnReply } from "../agents/client/index.ts";
import { ownEnvironment } from "./config/own-environment.ts";
import type { AgentConnector, TurnIo } from "./contracts/connector.ts";
import type { Logger } from "./contracts/logger.ts";
import type { TurnSession } from "./contracts/turn-session.ts";
import { ParleyError } from "./errors/parley-error.ts";

/** How long work under way may take to end when the runner is asked to leave, in ms. */
const DRAIN_MS = 10_000;
/** Parley measures the agent's silence itself; here nothing is cut off before it. */
const IDLE_TIMEOUT_MS = 3_600_000;
/** What of the caller's environment an agent needs to be the caller's: where programs and its own sign-in are. The rest is named. */
const PASSED = /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|TMPDIR|XDG_[A-Z_]+)$/;

/** What happens, for the person at the terminal or a program that reads along; nothing of it has words of messages. */
export interface RunEvent {
  readonly event:
    | "starting"
    | "ready"
    | "connecting"
    | "connection"
    | "connected"
    | "asked"
    | "waiting"
    | "answered"
    | "log"
    | "leaving";
  readonly message: string;
  /** Of `asked`, `waiting` and `answered`. */
  readonly turnId?: string;
  /** Of `answered`. */
  readonly tookMs?: number;
}

export interface AgentRunOptions {
  readonly url: string;
  readonly token: string;
  /** The agent's command and its arguments. */
  readonly words: readonly [string, ...string[]];
  /** Folder that the agent works in; absolute. */
  readonly cwd: string;
  /** Names of variables of this environment that the agent is given too. */
  readonly env: readonly string[];
  readonly permissionMode: string;
  readonly authMethod?: string | undefined;
  readonly sessionMode?: string | undefined;
  readonly startTimeoutMs: number;
  /** Folder where ids of sessions are kept over restarts. Default: `.parley/agent-sessions` in the home folder. */
  readonly stateFolder?: string | undefined;
  readonly say: (event: RunEvent) => void;
  /** Gets what the agent writes to its error stream. */
  readonly onStderr: (bytes: Uint8Array) => void;
}

export interface RunningAgent {
  readonly handle: string;
  readonly name: string;
  /** Resolves after `close`; rejects when Parley does not want this process any more. */
  readonly closed: Promise<void>;
  /** Takes no more turns, waits a little for those under way, and ends the agent with everything it started. */
  close(): Promise<void>;
}

/**
 * Runs an ACP agent here and answers Parley's turns with it over the dial-in socket: work and files stay here, replies and questions travel.
 *
 * Resolves once the agent has answered and Parley has said welcome. Errors: CONFIG_INVALID, AGENT_UNAVAILABLE for a command that does not start or
 * speak ACP, the client's own when Parley refuses the token.
 */
export async function runAgent(options: AgentRunOptions): Promise<RunningAgent> {
  const connector = createAcpConnector(configOf(options), {
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    onStderr: options.onStderr,
  });
  const folder = options.stateFolder ?? join(homedir(), ".parley", "agent-sessions");
  try {
    const check = await connector.check(AbortSignal.timeout(options.startTimeoutMs + 1_000));
    if (!check.ok) throw new ParleyError("AGENT_UNAVAILABLE", { detail: check.detail });
    options.say({ event: "ready", message: `${check.detail}.` });
    options.say({ event: "connecting", message: `Dialling in to ${options.url}` });
    const log = (message: string) => options.say({ event: "connection", message });
    const agent = await connectAgent({ url: options.url, token: options.token, log }, (turn, reply) =>
      answer({ turn, reply, connector, session: sessionIn(folder, turn.sessionKey), say: options.say }),
    );
    return {
      handle: agent.handle,
      name: agent.name,
      closed: agent.closed.finally(() => void connector.close()),
      async close() {
        await agent.close({ drainMs: DRAIN_MS });
        await connector.close();
      },
    };
  } catch (thrown) {
    await connector.close();
    throw thrown;
  }
}

function configOf({ words: [command, ...args], ...options }: AgentRunOptions): AcpConfig {
  const own = ownEnvironment();
  const missing = options.env.filter((name) => own[name] === undefined);
  if (missing.length > 0)
    throw new ParleyError("CONFIG_INVALID", { detail: `the environment has no ${missing.join(", ")}` });
  const names = Object.keys(own).filter((name) => PASSED.test(name) || options.env.includes(name));
  const parsed = AcpConfig.safeParse({
    kind: "acp",
    command,
    args,
    cwd: options.cwd,
    env: Object.fromEntries(names.map((name) => [name, own[name]])),
    permissionMode: options.permissionMode,
    startTimeoutMs: options.startTimeoutMs,
    ...(options.authMethod === undefined ? {} : { authMethod: options.authMethod }),
    ...(options.sessionMode === undefined ? {} : { sessionMode: options.sessionMode }),
  });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new ParleyError("CONFIG_INVALID", { detail: faults.join("; ") });
}

async function answer(given: {
  readonly turn: AgentTurn;
  readonly reply: TurnReply;
  readonly connector: AgentConnector;
  readonly session: TurnSession;
  readonly say: (event: RunEvent) => void;
}): Promise<void> {
  const { turn, reply, connector, say } = given;
  const startedMs = performance.now();
  const { turnId } = turn;
  say({ event: "asked", turnId, message: `${turnId}: asked by ${JSON.stringify(turn.trigger.sender.name)}` });
  let hasSpoken = false;
  for await (const event of connector.invoke(turn, ioOf(given))) {
    if (event.type === "text_delta") reply.text(event.markdown);
    else if (event.type === "part" && event.part.type === "artifact") {
      const { name, mediaType, base64 } = event.part;
      reply.file({ name, mediaType, bytes: Buffer.from(base64, "base64") });
    } else if (event.type === "part") reply.part(event.part);
    else if (event.type === "done") {
      if (event.usage !== undefined) reply.usage(event.usage);
      if (event.stopReason === "refused" && !hasSpoken)
        reply.part({ type: "error", code: "AGENT_REFUSED", message: "The agent refused the request." });
    }
    hasSpoken ||= event.type === "text_delta";
  }
  const tookMs = Math.round(performance.now() - startedMs);
  say({ event: "answered", turnId, tookMs, message: `${turnId}: answered after ${(tookMs / 1_000).toFixed(1)} s` });
}

/** What a connector is given for a turn, as far as it comes over the socket. */
function ioOf({ turn, reply, session, say }: Parameters<typeof answer>[0]): TurnIo {
  const { signal, toolAccess } = turn;
  const media = turn.trigger.content.filter((block) => block.type === "media");
  return {
    signal,
    steering: turn.steering,
    replyUrl: () => "",
    tools: [],
    session,
    logger: spokenLogger(say),
    ...(toolAccess === undefined ? {} : { toolAccess: () => toolAccess }),
    files: {
      url: () => undefined,
      read: async (mediaId) => {
        const block = media.find((one) => one.mediaId === mediaId);
        if (block === undefined) throw new ParleyError("NOT_FOUND");
        return { bytes: await turn.readFile(mediaId), mediaType: block.mediaType, name: block.name };
      },
    },
    requests: {
      async ask(part, options) {
        const { turnId } = turn;
        say({ event: "waiting", turnId, message: `${turnId}: waits for people to decide` });
        const { promise: stopped, reject } = Promise.withResolvers<never>();
        const onAbort = () => reject(new ParleyError("TURN_CANCELLED"));
        if (options.signal.aborted) onAbort();
        options.signal.addEventListener("abort", onAbort, { once: true });
        const asked =
          part.type === "approval_request" ? reply.approve({ ...part, binding: options.binding }) : reply.ask(part);
        try {
          return await Promise.race([asked, stopped]);
        } finally {
          options.signal.removeEventListener("abort", onAbort);
        }
      },
    },
  };
}

/** What is remembered of one conversation, as a file that only this user reads; it holds ids and digests and no words. */
function sessionIn(folder: string, sessionKey: string): TurnSession {
  const path = join(folder, `${createHash("sha256").update(sessionKey).digest("hex").slice(0, 40)}.json`);
  return {
    read: () => readFile(path, "utf8").catch(() => undefined),
    async write(value) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${path}.new`, value, { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
  };
}

function spokenLogger(say: (event: RunEvent) => void): Logger {
  const tell = (fields: Readonly<Record<string, unknown>>, message: string) =>
    say({ event: "log", message: `${message} ${JSON.stringify(fields)}` });
  const logger: Logger = { debug: () => undefined, info: tell, warn: tell, error: tell, child: () => logger };
  return logger;
}
