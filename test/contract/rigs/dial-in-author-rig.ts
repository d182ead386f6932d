import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type connectAgent, type TurnHandler } from "../../../agents/client/index.ts";
import { createSocketConnector } from "../../../agents/socket/index.ts";
import type { DialInPort } from "../../../src/contracts/dial-in.ts";
import { type DialInStand, startDialInStand } from "../../support/agents/dial-in-stand.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig, ReceivedTurn } from "../connector-harness.ts";
import { until } from "../connector-probe.ts";
import { GOOD_EVENTS, GOOD_SUMMARY, LOOKUP_TOOL, pieces, unevenPauses } from "./answers.ts";

/** An agent as an author makes it, that does what a test tells it. */
interface AuthorAgent {
  behave(behaviour: Behaviour): Promise<void>;
  open(): number;
  sentBytes(): number;
  stop(): Promise<void>;
}

const DEFER = { defer: "an agent that dials in keeps its turn open for as long as it works" } as const;
const REFUSED_AT_HOME = "the client refuses it before it leaves";
/** How long an interpreter may take to start on a busy machine, in ms. */
const START_MS = 20_000;
const PYTHON_AGENT = fileURLToPath(new URL("../../support/agents/programs/suite_agent.py", import.meta.url));

/** The TypeScript client, behind the socket connector and a real WebSocket. */
export function clientHarness(connect: typeof connectAgent): ConnectorHarness {
  return {
    name: "an agent made with parley/agent",
    impossible: { ...DEFER, nonsense: REFUSED_AT_HOME, endless: REFUSED_AT_HOME, flood: REFUSED_AT_HOME },
    start: () => startRig((stand) => startClient(stand, connect)),
  };
}

/** The Python example as a process of its own, behind the same. */
export function pythonHarness(): ConnectorHarness {
  return { name: "the Python example", impossible: DEFER, start: () => startRig(startPython) };
}

async function startRig(startAgent: (stand: DialInStand) => Promise<AuthorAgent>): Promise<ConnectorRig> {
  const received: ReceivedTurn[] = [];
  const stand = await startDialInStand({ port: (hub) => tapTurns(hub, received) });
  const agent = await startAgent(stand);
  await until(() => stand.hub.connectionOf(stand.agentId) !== undefined, "the agent did not dial in", START_MS);
  return {
    create: () =>
      createSocketConnector(
        { kind: "socket", resumeWithinMs: 1_000 },
        { hub: stand.hub, agentId: stand.agentId, idleTimeoutMs: 3_000 },
      ),
    async behave(behaviour) {
      await agent.behave(behaviour);
      if (behaviour !== "unreachable") return;
      await agent.stop();
      await until(() => stand.hub.connectionOf(stand.agentId) === undefined, "the agent is still there");
    },
    contacts: () => received.length,
    turns: () => received,
    open: () => agent.open(),
    sentBytes: () => agent.sentBytes(),
    expectedAnswer: () => GOOD_SUMMARY,
    tools: [LOOKUP_TOOL],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [stand.token],
    secretsReachAgent: false,
    async stop() {
      await agent.stop();
      await stand.stop();
    },
  };
}

/** Keeps every turn that leaves for the agent: a good one answers what it is given again with the reply it has, and its handler hears nothing of it. */
function tapTurns(hub: DialInPort, received: ReceivedTurn[]): DialInPort {
  const note = (text: string): void => {
    const frame = JSON.parse(text);
    if (frame.type === "turn_start") received.push({ idempotencyKey: frame.turn.turnId, everything: text });
  };
  return {
    verify: (token) => hub.verify(token),
    strangers: () => hub.strangers(),
    accept: (socket, principal) =>
      hub.accept(
        {
          get bufferedBytes() {
            return socket.bufferedBytes;
          },
          send(text) {
            note(text);
            socket.send(text);
          },
          close: (code, reason) => socket.close(code, reason),
          terminate: () => socket.terminate(),
          pause: () => socket.pause(),
          resume: () => socket.resume(),
        },
        principal,
      ),
  };
}

async function startClient(stand: DialInStand, connect: typeof connectAgent): Promise<AuthorAgent> {
  let behaviour: Behaviour = "answer";
  let open = 0;
  const handler: TurnHandler = async (turn, reply) => {
    const { signal } = turn;
    open += 1;
    try {
      switch (behaviour) {
        case "answer":
          for (const event of GOOD_EVENTS) {
            if (event.type === "text_delta") reply.text(event.markdown);
            if (event.type === "part") reply.part(event.part);
          }
          return;
        case "echo": {
          const pause = unevenPauses();
          for (const piece of pieces(turn.text)) {
            await pause();
            reply.text(piece);
          }
          return;
        }
        case "hang_midway":
          reply.text("Half of");
          return await untilAborted(signal);
        case "crash_midway":
          reply.text("Half of");
          throw new Error("broken");
        case "crash":
        case "crash_quoting":
          throw new Error(`${turn.text} ${stand.token}`);
        default:
          return await untilAborted(signal);
      }
    } finally {
      open -= 1;
    }
  };
  const agent = await connect({ url: stand.url, token: stand.token, log: () => undefined }, handler);
  return {
    async behave(next) {
      behaviour = next;
    },
    open: () => open,
    sentBytes: () => 0,
    stop: () => agent.close({ drainMs: 0 }),
  };
}

async function startPython(stand: DialInStand): Promise<AuthorAgent> {
  const child = spawn("python3", [PYTHON_AGENT], {
    env: {
      PATH: process.env["PATH"] ?? "",
      PYTHONDONTWRITEBYTECODE: "1",
      PARLEY_URL: stand.url,
      PARLEY_TOKEN: stand.token,
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const exited = once(child, "exit");
  let open = 0;
  let sent = 0;
  let said: string | undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    const words = JSON.parse(line);
    open = words.open ?? open;
    sent = words.sent ?? sent;
    said = words.behaviour ?? said;
  });
  let isStopped = false;
  return {
    async behave(behaviour) {
      child.stdin.write(`${behaviour}\n`);
      await until(() => said === behaviour, "the Python agent did not hear");
    },
    open: () => open,
    sentBytes: () => sent,
    async stop() {
      if (isStopped) return;
      isStopped = true;
      child.kill("SIGKILL");
      await exited;
      open = 0;
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
