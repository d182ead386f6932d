import type { AgentConnector } from "../../../src/contracts/connector.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { type ModelBehaviour, type ModelCall, type ModelMove, ModelServer } from "../../support/models/model-server.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig } from "../connector-harness.ts";
import { GOOD_SUMMARY, LOOKUP_TOOL, markerIn, pieces, unevenPauses } from "./answers.ts";

const GIB = 1_073_741_824;
const API_KEY = "sk-test-own-key-of-this-model-0123456789";

/** How a connector to the stand-in is made. */
export type ModelConnectorFactory = (endpoint: {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly model: string;
}) => AgentConnector;

/** A model connector with a stand-in behind it that speaks a provider's wire format. */
export function modelHarness(name: string, create: ModelConnectorFactory): ConnectorHarness {
  return {
    name,
    impossible: { defer: "a model answers within the call or not at all" },
    start: () => startModelRig(create),
  };
}

async function startModelRig(create: ModelConnectorFactory): Promise<ConnectorRig> {
  const model = await ModelServer.start();
  const { baseUrl, server } = model;
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await model.stop();
  };
  return {
    create: () => create({ baseUrl, apiKey: API_KEY, model: "test-model" }),
    async behave(behaviour) {
      if (behaviour === "unreachable") await stop();
      else model.behave = (call) => toModelBehaviour(behaviour, call);
    },
    contacts: () => server.connectionCount,
    turns: () =>
      model.calls.map((call) => ({
        idempotencyKey: String(call.headers["idempotency-key"]),
        everything: `${JSON.stringify(call.headers)}\n${call.rawBody}`,
      })),
    open: () => server.openConnections,
    sentBytes: () => server.sentBytes,
    expectedAnswer: () => GOOD_SUMMARY,
    tools: [LOOKUP_TOOL],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [API_KEY],
    secretsReachAgent: true,
    stop,
  };
}

function toModelBehaviour(
  behaviour: Exclude<Behaviour, "unreachable" | "defer"> | "defer",
  call: ModelCall,
): ModelBehaviour {
  switch (behaviour) {
    case "answer":
      return call.rawBody.includes("call_1")
        ? { kind: "answer", moves: [{ text: "Done." }] }
        : {
            kind: "answer",
            moves: [{ text: "Hello " }, { text: "there." }, { toolCall: { id: "call_1", name: "lookup", input: {} } }],
          };
    case "echo": {
      const wait = unevenPauses();
      return {
        kind: "answer",
        moves: pieces(markerIn(call.rawBody)).flatMap((text): ModelMove[] => [{ wait }, { text }]),
      };
    }
    case "hang":
      return { kind: "hang" };
    case "hang_midway":
      return { kind: "answer", moves: [{ text: "Half of" }], ending: "hang" };
    case "crash":
      return { kind: "crash" };
    case "crash_midway":
      return { kind: "answer", moves: [{ text: "Half of" }], ending: "unfinished" };
    case "crash_quoting":
      return {
        kind: "status",
        status: 500,
        body: JSON.stringify({ error: { type: "server_error", message: `${call.rawBody} ${API_KEY}` } }),
      };
    case "nonsense":
      return {
        kind: "raw",
        contentType: "text/event-stream",
        body: `data: ${JSON.stringify({ [API_KEY]: call.rawBody })}\n\n`,
      };
    case "endless":
      return { kind: "endless", shape: "frames", sizeBytes: GIB };
    case "flood":
      return {
        kind: "answer",
        moves: Array.from({ length: 100_000 }, (_, index) => ({
          toolCall: { id: `call_${index + 2}`, name: "lookup", input: {} },
        })),
      };
    case "defer":
      throw new Error("a model cannot put its answer off");
  }
}
