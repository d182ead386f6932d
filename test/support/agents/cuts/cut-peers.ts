import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { TaskState } from "@a2a-js/sdk";
import type { AgentDefinitionInput } from "../../../../src/contracts/agent-definition.ts";
import { AcpAgentControl } from "../../acp-agent/control.ts";
import { ModelServer } from "../../models/model-server.ts";
import { A2aAgent, type A2aVersion, type A2aWork, text } from "../a2a-agent.ts";
import { AguiAgent } from "../agui-agent.ts";
import { runOf, says } from "../agui-events.ts";
import { type CutHow, startCutProxy } from "../cut-proxy.ts";
import { said, streamOf } from "../n8n-chat.ts";
import { WebhookAgent } from "../webhook-agent.ts";
import { markIn, piecesOf, TALE_PIECES, type Tale } from "./tale.ts";

/** An agent of one kind that tells its tale to each question, and whose line can be cut in the middle of it. */
export interface CutPeer {
  readonly connector: AgentDefinitionInput["connector"];
  /** Breaks everything that is under way with this agent. */
  cut(how: CutHow): void;
  stop(): Promise<void>;
}

const SECRET = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
const ACP_AGENT = fileURLToPath(new URL("../../acp-agent/main.ts", import.meta.url));

/** Every connector that reaches its agent over a wire of its own; the one that agents dial in by is cut by `runDrops`. */
export const CUT_PEERS = {
  webhook: startWebhook,
  n8n: startN8n,
  a2a: (tale: Tale) => startA2a(tale, "1.0"),
  "a2a-0.3": (tale: Tale) => startA2a(tale, "0.3"),
  agui: startAgui,
  model: (tale: Tale) => startModel(tale, "openai-compatible"),
  "model-anthropic": (tale: Tale) => startModel(tale, "anthropic"),
  acp: startAcp,
} as const satisfies Record<string, (tale: Tale) => Promise<CutPeer>>;

export type CutKind = keyof typeof CUT_PEERS;

/** A line that can be cut before an agent that listens at an address. */
async function onWire(
  agent: { readonly url: string; stop(): Promise<void> },
  connector: (through: string) => CutPeer["connector"],
): Promise<CutPeer> {
  const proxy = await startCutProxy(agent.url);
  return {
    connector: connector(proxy.url + new URL(agent.url).pathname),
    cut: (how) => proxy.cut(how),
    async stop() {
      await proxy.stop();
      await agent.stop();
    },
  };
}

/** Awaited before each of an agent's events, of which those from `first` on are the pieces of its tale. */
function gateOf(tale: Tale, mark: string, first: number): () => Promise<void> {
  let event = -first;
  return () => {
    event += 1;
    return tale.before(mark, event - 1);
  };
}

async function startWebhook(tale: Tale): Promise<CutPeer> {
  const agent = await WebhookAgent.start((call) => {
    const mark = markIn(call.body?.data.trigger.text ?? "");
    return {
      kind: "stream",
      as: mark.endsWith("1") ? "sse" : "ndjson",
      events: [...piecesOf(mark).map((markdown) => ({ type: "text_delta", markdown })), { type: "done" }],
      gate: gateOf(tale, mark, 0),
    };
  });
  return await onWire(agent, (url) => ({ kind: "webhook", url, secret: SECRET }));
}

async function startN8n(tale: Tale): Promise<CutPeer> {
  const agent = await WebhookAgent.start((call) => {
    const mark = markIn(call.rawBody);
    return streamOf(said(piecesOf(mark)), { gate: gateOf(tale, mark, 1) });
  });
  return await onWire(agent, (url) => ({ kind: "webhook", dialect: "n8n", url, secret: SECRET }));
}

async function startA2a(tale: Tale, version: A2aVersion): Promise<CutPeer> {
  let origin = "";
  const agent = await A2aAgent.start(
    {
      version,
      card: (card) =>
        version === "1.0"
          ? {
              ...card,
              supportedInterfaces: [{ url: `${origin}/rpc`, protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
            }
          : { ...card, url: `${origin}/rpc` },
    },
    (work) => tellTask(tale, work),
  );
  const peer = await onWire(agent, (url) => ({ kind: "a2a", url }));
  origin = new URL(String(peer.connector["url"])).origin;
  return peer;
}

async function tellTask(tale: Tale, work: A2aWork): Promise<void> {
  const mark = markIn(work.text);
  // Some agents name their task at once, others with their first words.
  if (mark.endsWith("1")) work.status(TaskState.TASK_STATE_WORKING);
  for (const [n, piece] of piecesOf(mark).entries()) {
    await tale.before(mark, n);
    work.artifact("answer", [text(piece)], { append: n > 0, last: n === TALE_PIECES - 1 });
  }
  await tale.before(mark, TALE_PIECES);
  work.status(TaskState.TASK_STATE_COMPLETED);
}

async function startAgui(tale: Tale): Promise<CutPeer> {
  const agent = await AguiAgent.start((call) => {
    const mark = markIn(call.rawBody);
    return { kind: "run", events: runOf(call, says("m1", ...piecesOf(mark))), gate: gateOf(tale, mark, 2) };
  });
  return await onWire(agent, (url) => ({ kind: "agui", url }));
}

async function startModel(tale: Tale, provider: "openai-compatible" | "anthropic"): Promise<CutPeer> {
  const server = await ModelServer.start((call) => {
    const mark = markIn(call.rawBody);
    const pieces = piecesOf(mark).flatMap((piece, n) => [{ wait: () => tale.before(mark, n) }, { text: piece }]);
    return { kind: "answer", moves: [...pieces, { wait: () => tale.before(mark, TALE_PIECES) }] };
  });
  const agent = { url: server.baseUrl, stop: () => server.stop() };
  return await onWire(agent, (baseUrl) => ({
    kind: "model",
    provider,
    baseUrl,
    apiKey: "sk-test",
    model: "test-model",
  }));
}

async function startAcp(tale: Tale): Promise<CutPeer> {
  const control = await AcpAgentControl.start();
  const before = tale.onHold;
  tale.onHold = (at) => {
    before(at);
    control.behave(`tale:${at ?? -1}`);
  };
  control.behave("tale:-1");
  control.onReport = (report) => {
    if (report.type !== "answer" || typeof report.answer !== "string") return;
    if (report.to === "held") tale.held.add(report.answer);
    else tale.told.add(report.answer);
  };
  return {
    connector: { kind: "acp", command: process.execPath, args: [ACP_AGENT, String(control.port)], cwd: tmpdir() },
    cut(how) {
      for (const pid of control.livePids) process.kill(pid, how === "reset" ? "SIGKILL" : "SIGTERM");
    },
    stop: () => control.stop(),
  };
}
