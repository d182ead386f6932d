import { EventType } from "@ag-ui/core";
import type { createAguiConnector } from "../../../agents/agui/index.ts";
import { AguiConfig } from "../../../agents/agui/index.ts";
import { AguiAgent, type AguiBehaviour, type AguiCall } from "../../support/agents/agui-agent.ts";
import { calls, runOf, says } from "../../support/agents/agui-events.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig } from "../connector-harness.ts";
import { GOOD_SUMMARY, markerIn, pieces, unevenPauses } from "./answers.ts";

const GIB = 1_073_741_824;
const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const TOKEN = "agui-own-token-of-this-agent-0123456789";

/** An AG-UI connector with a real server behind it. */
export function aguiHarness(create: typeof createAguiConnector): ConnectorHarness {
  return {
    name: "the AG-UI connector",
    impossible: { defer: "a run answers within its stream or ends with an interrupt" },
    start: () => startAguiRig(create),
  };
}

async function startAguiRig(create: typeof createAguiConnector): Promise<ConnectorRig> {
  const agent = await AguiAgent.start();
  const { url, server } = agent;
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await agent.stop();
  };
  return {
    create: () => create(AguiConfig.parse({ kind: "agui", url, token: TOKEN }), { network: LOOPBACK }),
    async behave(behaviour) {
      if (behaviour === "unreachable") await stop();
      else agent.behave = (call) => toAguiBehaviour(behaviour, call);
    },
    contacts: () => server.connectionCount,
    turns: () =>
      agent.calls.map((call) => ({
        idempotencyKey: String(call.headers["idempotency-key"]),
        everything: `${JSON.stringify(call.headers)}\n${call.rawBody}`,
      })),
    open: () => server.openConnections,
    sentBytes: () => server.sentBytes,
    expectedAnswer: () => GOOD_SUMMARY,
    tools: [],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [TOKEN],
    secretsReachAgent: true,
    stop,
  };
}

function toAguiBehaviour(behaviour: Exclude<Behaviour, "unreachable">, call: AguiCall): AguiBehaviour {
  const half = [
    { type: EventType.RUN_STARTED, threadId: call.input.threadId, runId: call.input.runId },
    ...says("m1", "Half of").slice(0, 2),
  ];
  switch (behaviour) {
    case "answer":
      return {
        kind: "run",
        events: runOf(call, [
          ...says("m1", "Hello ", "there."),
          ...calls("call_1", "lookup", "{}", "found"),
          ...says("m2", "Done."),
        ]),
      };
    case "echo":
      return { kind: "run", events: runOf(call, says("m1", ...pieces(markerIn(call.rawBody)))), gate: unevenPauses() };
    case "hang":
      return { kind: "hang" };
    case "hang_midway":
      return { kind: "run", events: half, ending: "hang" };
    case "crash":
      return { kind: "crash" };
    case "crash_midway":
      return { kind: "run", events: half, ending: "end" };
    case "crash_quoting":
      return { kind: "run", events: [{ type: EventType.RUN_ERROR, message: `${call.rawBody} ${TOKEN}`, code: TOKEN }] };
    case "nonsense":
      return { kind: "run", events: [{ type: EventType.TEXT_MESSAGE_CONTENT, [TOKEN]: call.rawBody }] };
    case "endless":
      return {
        kind: "flood",
        opening: "",
        piece: `data: ${JSON.stringify({ type: EventType.TEXT_MESSAGE_CHUNK, messageId: "m1", delta: "x".repeat(1_000) })}\n\n`,
        sizeBytes: GIB,
      };
    case "flood":
      return {
        kind: "run",
        events: Array.from({ length: 100_000 }, (_, index) => calls(`call_${index}`, "lookup", "{}", "found")).flat(),
      };
    case "defer":
      throw new Error("a run cannot be put off");
  }
}
