import { createWebhookConnector, generateWebhookSecret } from "../../../agents/webhook/index.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { WebhookAgent, type WebhookBehaviour, type WebhookCall } from "../../support/agents/webhook-agent.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig } from "../connector-harness.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const LATER = "the answer comes to the reply address, whatever the hook says";

/** A webhook connector in the dialect of hooks that answer later, with a real HTTP server behind it. */
export function callbackHarness(): ConnectorHarness {
  return {
    name: "the webhook connector (callback)",
    impossible: { echo: LATER, hang_midway: LATER, crash_midway: LATER, nonsense: LATER, endless: LATER, flood: LATER },
    start: startRig,
  };
}

async function startRig(): Promise<ConnectorRig> {
  const agent = await WebhookAgent.start();
  const secret = generateWebhookSecret();
  const { url, server } = agent;
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await agent.stop();
  };
  return {
    create: () => createWebhookConnector({ kind: "webhook", dialect: "callback", url, secret }, { network: LOOPBACK }),
    async behave(behaviour) {
      if (behaviour === "unreachable") await stop();
      else agent.behave = (call) => toBehaviour(behaviour, call, secret);
    },
    contacts: () => server.connectionCount,
    turns: () =>
      agent.calls.map((call) => ({
        idempotencyKey: String(call.headers["webhook-id"]),
        everything: `${JSON.stringify(call.headers)}\n${call.rawBody}`,
      })),
    open: () => server.openConnections,
    sentBytes: () => server.sentBytes,
    expectedAnswer: () => ["deferred"],
    tools: [],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [secret],
    secretsReachAgent: false,
    stop,
  };
}

function toBehaviour(
  behaviour: Exclude<Behaviour, "unreachable">,
  call: WebhookCall,
  secret: string,
): WebhookBehaviour {
  switch (behaviour) {
    case "answer":
    case "defer":
      // As Zapier's catch hook acknowledges.
      return {
        kind: "respond",
        body: JSON.stringify({ attempt: "018f", id: "018f", request_id: "018f", status: "success" }),
      };
    case "hang":
      return { kind: "hang" };
    case "crash":
      return { kind: "crash" };
    case "crash_quoting":
      return { kind: "respond", status: 500, body: `${call.rawBody} ${secret}` };
    default:
      throw new Error(`a hook that answers later cannot show "${behaviour}"`);
  }
}
