import { createWebhookConnector, generateWebhookSecret } from "../../../agents/webhook/index.ts";
import { item, said, streamOf } from "../../support/agents/n8n-chat.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { WebhookAgent, type WebhookBehaviour, type WebhookCall } from "../../support/agents/webhook-agent.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig } from "../connector-harness.ts";
import { markerIn, pieces, unevenPauses } from "./answers.ts";

const GIB = 1_073_741_824;
const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const AUTHORIZATION = "Basic bjhuOm93bi1wYXNzd29yZC1vZi10aGlzLWZsb3c=";

/** A webhook connector in the dialect of n8n, with a real HTTP server behind it. */
export function n8nHarness(): ConnectorHarness {
  return {
    name: "the webhook connector (n8n)",
    impossible: {
      defer: "a workflow of n8n answers within the call",
      flood: "the chat of n8n has text alone, which is one part",
    },
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
    create: () =>
      createWebhookConnector(
        { kind: "webhook", dialect: "n8n", url, secret, authorization: AUTHORIZATION },
        { network: LOOPBACK },
      ),
    async behave(behaviour) {
      if (behaviour === "unreachable") await stop();
      else agent.behave = (call) => toBehaviour(behaviour, call);
    },
    contacts: () => server.connectionCount,
    turns: () =>
      agent.calls.map((call) => ({
        idempotencyKey: String(call.headers["webhook-id"]),
        everything: `${JSON.stringify(call.headers)}\n${call.rawBody}`,
      })),
    open: () => server.openConnections,
    sentBytes: () => server.sentBytes,
    expectedAnswer: () => ["text:Hello there.\n\nDone.", "done:end"],
    tools: [],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [secret, AUTHORIZATION],
    secretsReachAgent: true,
    stop,
  };
}

function toBehaviour(behaviour: Exclude<Behaviour, "unreachable">, call: WebhookCall): WebhookBehaviour {
  switch (behaviour) {
    case "answer":
      return streamOf([...said(["Hello ", "there."]), ...said(["Done."], "n2")]);
    case "echo":
      return streamOf(said(pieces(markerIn(call.rawBody))), { gate: unevenPauses() });
    case "hang":
      return { kind: "hang" };
    case "hang_midway":
      return streamOf([item("begin"), item("item", "Half of")], { ending: "hang" });
    case "crash":
      return { kind: "crash" };
    case "crash_midway":
      return streamOf([item("begin"), item("item", "Half of")]);
    case "crash_quoting":
      return streamOf([item("begin"), item("error", `${call.rawBody} ${AUTHORIZATION}`)]);
    case "nonsense":
      return { kind: "respond", body: JSON.stringify({ [AUTHORIZATION]: call.rawBody }) };
    case "endless":
      return {
        kind: "flood",
        contentType: "application/json; charset=utf-8",
        opening: `${JSON.stringify(item("begin"))}\n`,
        piece: `${JSON.stringify(item("item", "x".repeat(1_000)))}\n`,
        sizeBytes: GIB,
      };
    case "defer":
    case "flood":
      throw new Error(`n8n cannot show "${behaviour}"`);
  }
}
